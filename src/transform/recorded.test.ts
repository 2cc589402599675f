/**
 * What the transforms and predicates of Kafka Connect 4.1.0 answered to a table of records and configurations, one file
 * each (test/conformance/transforms): ours must answer the same.
 */
import { deepEqual, match } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Envelope, fromEnvelope, parseExact } from '../../test/support/connect-json.ts';
import { sourceRecord } from '../../test/support/source-record.ts';
import { validate } from '../config/config-def.ts';
import { configKeyInfo } from '../config/config-infos.ts';
import type { RawConfig } from '../config/raw.ts';
import { jsonConverter } from '../convert/json.ts';
import { simpleHeaderConverter } from '../convert/simple-header.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';
import { builtInTransforms, findClass } from './catalogue.ts';
import { betterAnswers, textDeviations } from './recorded-deviations.ts';

interface RecordedHeader {
  readonly key: string;
  readonly value: Envelope | null;
  readonly text?: string | null;
}

interface RecordedRecord {
  readonly topic: string;
  readonly partition?: number | null;
  readonly key?: Envelope | null;
  readonly value?: Envelope | null;
  readonly timestamp?: number | null;
  readonly headers?: readonly RecordedHeader[];
}

interface Case {
  readonly class: string;
  readonly name: string;
  readonly config: RawConfig;
  readonly record?: RecordedRecord;
  readonly validation?: readonly string[];
  readonly refused?: string | null;
  readonly result?: RecordedRecord | null;
  readonly error?: string | null;
  readonly answer?: boolean;
}

const folder = new URL('../../test/conformance/transforms/', import.meta.url);
const json = jsonConverter({ 'replace.null.with.default': 'false' });
const better = JSON.parse(readFileSync(new URL('deviations.json', folder), 'utf8')) as Record<string, unknown>;
const simpleHeader = simpleHeaderConverter();
const { transforms, predicates } = builtInTransforms;

for (const file of readdirSync(folder).filter((name) => /^[A-Z].*\.jsonl$/.test(name))) {
  describe(file.replace('.jsonl', ''), () => {
    for (const line of lines(file)) {
      const recorded = parseExact(line) as Case;
      test(`${recorded.class.replace(/.*\./, '')}: ${recorded.name}`, () => check(recorded));
    }
  });
}

test('every class is recorded, its options as they are there', () => {
  const recorded = lines('options.jsonl')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((option) => String(option['class']).includes('.transforms.'));
  const shown = [...transforms, ...predicates]
    .filter(({ className }) => !className.endsWith('$Value'))
    .flatMap(({ className, config }) =>
      Object.entries(config.options).map(([name, option]) => {
        const info = configKeyInfo(name, option);
        return [className, name, info.type, info.required, info.default_value, info.importance, info.group, info.order];
      }),
    );
  deepEqual(
    shown,
    recorded.map((o) =>
      ['class', 'name', 'type', 'required', 'default', 'importance', 'group', 'order'].map((k) => o[k]),
    ),
  );
});

function check(recorded: Case): void {
  const id = `${recorded.class.replace(/.*\./, '')}: ${recorded.name}`;
  const ours = outcome(recorded);
  const theirs = {
    ...(recorded.validation === undefined ? {} : { validation: [...recorded.validation].sort() }),
    ...(recorded.refused === undefined ? {} : { refused: recorded.refused }),
    ...(recorded.error === undefined ? {} : { error: recorded.error }),
    ...(recorded.answer === undefined ? {} : { answer: recorded.answer }),
    ...(recorded.result === undefined ? {} : { result: recorded.result }),
  };
  if (betterAnswers.some(({ cases }) => cases.test(id))) {
    deepEqual(JSON.parse(JSON.stringify(ours)), better[id], id);
    return;
  }
  for (const place of ['error', 'refused'] as const) {
    const known = textDeviations.find(({ recorded: text }) => text.test(theirs[place] ?? ''));
    if (known === undefined) continue;
    match(ours[place] ?? '', known.ours);
    return;
  }
  deepEqual(ours, theirs);
}

interface Outcome {
  readonly validation?: readonly string[];
  readonly refused?: string;
  readonly error?: string;
  readonly answer?: boolean;
  readonly result?: unknown;
}

function outcome({ class: className, config, record }: Case): Outcome {
  const found = findClass([...transforms, ...predicates], className)!;
  const errors = validate(found.config, config).flatMap((value) => value.errors);
  const validation = errors.length === 0 ? {} : { validation: errors.sort() };
  let made: ReturnType<typeof found.make>;
  try {
    made = found.make(config);
  } catch (error) {
    // Java's configure stops at the first thing that is wrong.
    return { ...validation, refused: (error as Error).message.split(/\n(?=Invalid value|Missing|Must)/)[0]! };
  }
  if (record === undefined) return validation;
  const input = recordOf(record);
  try {
    if ('test' in made) return { ...validation, answer: made.test(input) };
    const result = made.apply(input);
    return { ...validation, result: result === null ? null : shown(result) };
  } catch (error) {
    return { ...validation, error: (error as Error).message };
  }
}

function recordOf(recorded: RecordedRecord): SourceRecord {
  const key = fromEnvelope(recorded.key);
  const value = fromEnvelope(recorded.value);
  return sourceRecord({
    topic: recorded.topic,
    partition: recorded.partition ?? null,
    key: key.value,
    keySchema: key.schema,
    value: value.value,
    valueSchema: value.schema,
    headers: (recorded.headers ?? []).map((header) => ({ key: header.key, ...fromEnvelope(header.value) })),
    timestampMs: recorded.timestamp ?? null,
  });
}

function shown(record: SourceRecord): unknown {
  return {
    topic: record.topic,
    partition: record.partition,
    key: envelope(record.keySchema, record.key),
    value: envelope(record.valueSchema, record.value),
    timestamp: record.timestampMs,
    headers: record.headers.map(({ key, schema, value }) => {
      const bytes = simpleHeader.toBytes('t', key, schema, value);
      return { key, value: envelope(schema, value), text: bytes === null ? null : Buffer.from(bytes).toString() };
    }),
  };
}

function envelope(schema: Schema | null, value: unknown): unknown {
  if (schema === null && (value === null || value === undefined)) return null;
  if (schema === null && containsDate(value)) return { schema: null, payload: withDates(value) };
  return parseExact(Buffer.from(json.toBytes('t', schema, value)!).toString());
}

function containsDate(value: unknown): boolean {
  return (
    value instanceof Date || (typeof value === 'object' && value !== null && Object.values(value).some(containsDate))
  );
}

function withDates(value: unknown): unknown {
  if (value instanceof Date) return { date: value.getTime() };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withDates(item)]));
}

function lines(file: string): string[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
