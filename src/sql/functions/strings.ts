import { writeJson } from '../json/write.ts';
import { cast } from '../values/cast.ts';
import { codePointIndexOf, codePointLength, sliceCodePoints } from '../values/text.ts';
import type { Json, Value } from '../values/value.ts';
import { type Parameter, type ScalarFunction, strict } from './scalar-function.ts';

/** Longer text than this is not made (REPEAT, LPAD, RPAD): NULL, like any result that does not fit. */
const maxLength = 1 << 24;

// biome-ignore lint/suspicious/noExplicitAny: arguments are checked against the parameters' letters
function text(names: string, letters: string, compute: (...values: any[]) => Value, min?: number): ScalarFunction {
  return strict({ names, parameters: [...letters] as Parameter[], type: 'STRING', compute, min });
}

// biome-ignore lint/suspicious/noExplicitAny: arguments are checked against the parameters' letters
function long(names: string, letters: string, compute: (...values: any[]) => Value): ScalarFunction {
  return strict({ names, parameters: [...letters] as Parameter[], type: 'LONG', compute });
}

function test(names: string, compute: (value: string, part: string) => boolean): ScalarFunction {
  return strict({ names, parameters: ['S', 'S'], type: 'BOOL', compute });
}

const blanks = '[ \\t\\r\\n]+';
const leading = new RegExp(`^${blanks}`);
const trailing = new RegExp(`${blanks}$`);

/** Numbers of characters: fractions are cut off. */
const count = (value: number | bigint): number => Math.trunc(Number(value));

const concat: ScalarFunction = {
  names: ['CONCAT'],
  minArguments: 1,
  maxArguments: Number.POSITIVE_INFINITY,
  bind(list) {
    const parts = list.map(({ type, evaluate }) => ({ evaluate, convert: cast(type, 'STRING') }));
    return {
      type: 'STRING',
      evaluate: (frame) =>
        parts.reduce((all, { evaluate, convert }) => all + ((convert(evaluate(frame)) as string | null) ?? ''), ''),
    };
  },
};

function substring(value: string, start: number | bigint, length?: number | bigint): string {
  const from = Math.max(count(start), 1) - 1;
  return sliceCodePoints(value, from, length === undefined ? undefined : from + Math.max(count(length), 0));
}

function right(value: string, length: number | bigint): string {
  return sliceCodePoints(value, Math.max(codePointLength(value) - Math.max(count(length), 0), 0));
}

function repeat(value: string, times: number | bigint): string | null {
  const whole = Math.max(count(times), 0);
  return value.length * whole > maxLength ? null : value.repeat(whole);
}

function padding(
  value: string,
  length: number | bigint,
  fill: string,
): { readonly cut?: string; readonly pad?: string } {
  const wanted = Math.max(count(length), 0);
  const missing = wanted - codePointLength(value);
  if (missing <= 0 || fill === '') return { cut: sliceCodePoints(value, 0, wanted) };
  if (wanted > maxLength) return {};
  return { pad: sliceCodePoints(fill.repeat(Math.ceil(missing / codePointLength(fill))), 0, missing) };
}

function leftPad(value: string, length: number | bigint, fill = ' '): string | null {
  const { cut, pad } = padding(value, length, fill);
  return cut ?? (pad === undefined ? null : pad + value);
}

function rightPad(value: string, length: number | bigint, fill = ' '): string | null {
  const { cut, pad } = padding(value, length, fill);
  return cut ?? (pad === undefined ? null : value + pad);
}

function character(code: number | bigint): string | null {
  const point = count(code);
  const isCharacter = point >= 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? String.fromCodePoint(point) : null;
}

const position = (value: string, needle: string): number => codePointIndexOf(value, needle) + 1;

/** What `->>` and CONCAT make of a JSON value: text as it is, anything else as compact JSON. */
export function textOfJson(value: Json): string | null {
  if (value === null || typeof value === 'string') return value;
  return writeJson(value);
}

export const stringFunctions: readonly ScalarFunction[] = [
  text('UPPER', 'S', (value: string) => value.toUpperCase()),
  text('LOWER', 'S', (value: string) => value.toLowerCase()),
  text('TRIM', 'S', (value: string) => value.replace(leading, '').replace(trailing, '')),
  text('LTRIM', 'S', (value: string) => value.replace(leading, '')),
  text('RTRIM', 'S', (value: string) => value.replace(trailing, '')),
  text('REVERSE', 'S', (value: string) => [...value].reverse().join('')),
  long('LENGTH CHAR_LENGTH', 'S', codePointLength),
  long('ASCII', 'S', (value: string) => value.codePointAt(0) ?? null),
  text('SUBSTRING SUBSTR', 'SNN', substring, 2),
  text('LEFT', 'SN', (value: string, length: number) => sliceCodePoints(value, 0, Math.max(count(length), 0))),
  text('RIGHT', 'SN', right),
  text('REPEAT', 'SN', repeat),
  text('REPLACE', 'SSS', (value: string, from: string, to: string) =>
    from === '' ? value : value.split(from).join(to),
  ),
  text('LPAD', 'SNS', leftPad, 2),
  text('RPAD', 'SNS', rightPad, 2),
  long('POSITION LOCATE', 'SS', (needle: string, value: string) => position(value, needle)),
  long('INSTR', 'SS', position),
  test('STARTS_WITH', (value, part) => value.startsWith(part)),
  test('ENDS_WITH', (value, part) => value.endsWith(part)),
  test('CONTAINS', (value, part) => value.includes(part)),
  concat,
  text('CHR', 'N', character),
];
