import type { OptionType } from './option.ts';
import { isRecord } from './raw.ts';

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

/**
 * Reads one value as Kafka's ConfigDef does: blanks around it do not count, passwords included.
 * Scalars that are not text (JSON, YAML) are taken by their text.
 */
export function parseValue(type: OptionType, raw: unknown): Parsed {
  if (raw === null || raw === undefined) return { ok: true, value: null };
  if (isRecord(raw) || (Array.isArray(raw) && type !== 'LIST')) return bad(`Expected a ${type.toLowerCase()}`);
  if (Array.isArray(raw)) return good(raw.map(String));
  const text = String(raw).trim();
  switch (type) {
    case 'BOOLEAN': {
      const word = text.toLowerCase();
      return word === 'true' || word === 'false'
        ? good(word === 'true')
        : bad('Expected value to be either true or false');
    }
    case 'STRING':
    case 'PASSWORD':
    case 'CLASS':
      return good(text);
    case 'SHORT':
      return integer(text, type, -(2n ** 15n), 2n ** 15n - 1n);
    case 'INT':
      return integer(text, type, -(2n ** 31n), 2n ** 31n - 1n);
    case 'LONG':
      return integer(text, type, -(2n ** 63n), 2n ** 63n - 1n);
    case 'DOUBLE':
      return /^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Infinity|NaN)[dDfF]?$/.test(text)
        ? good(Number(text.replace(/[dDfF]$/, '')))
        : bad('Not a number of type DOUBLE');
    case 'LIST':
      return good(text === '' ? [] : text.split(/\s*,\s*/));
  }
}

/** Text form of a value or default, as REST shows it. Null stays null; passwords are hidden. */
export function showValue(type: OptionType, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (type === 'PASSWORD') return '[hidden]';
  if (type === 'LIST') return (value as readonly string[]).join(',');
  if (type === 'DOUBLE') return showDouble(value as number);
  if (type === 'LONG') return showLong(value as number);
  return String(value);
}

/** As Double.toString of Java: with a fraction, and with an exponent beyond 10^-3 and 10^7. */
function showDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e7)) {
    const text = Object.is(value, -0) ? '-0' : String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  return `${digits.includes('.') ? digits : `${digits}.0`}E${exponent.replace('+', '')}`;
}

/** Long.MAX_VALUE, a usual default of Kafka's, is no number of ours: the next one stands for it. */
function showLong(value: number): string {
  return value >= 2 ** 63 ? '9223372036854775807' : BigInt(value).toString();
}

function integer(text: string, type: OptionType, min: bigint, max: bigint): Parsed {
  const problem = `Not a number of type ${type}`;
  if (!/^[+-]?\d+$/.test(text)) return bad(problem);
  const exact = BigInt(text.replace(/^\+/, ''));
  return exact < min || exact > max ? bad(problem) : good(Number(exact));
}

function good(value: unknown): Parsed {
  return { ok: true, value };
}

function bad(problem: string): Parsed {
  return { ok: false, problem };
}
