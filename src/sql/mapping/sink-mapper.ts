import { Buffer } from 'node:buffer';
import type { Column } from '../check/scope.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { between, writeJson } from '../json/write.ts';
import type { Json, Row, Value } from '../values/value.ts';

/** A row as the message that its sink sends: text, or bytes where the format is `bytes`. */
export type SinkMapper = (row: Row) => string | Uint8Array;

export function sinkMapper({ columns, options }: StreamPlan): SinkMapper {
  const { values } = options;
  const isTrue = (key: string): boolean => values.get(key)?.toLowerCase() === 'true';
  if (options.format === 'bytes') return ({ values: [bytes] }) => (bytes ?? new Uint8Array()) as Uint8Array;
  if (options.format === 'text') return (row) => row.values.map(plainText).join(',');
  const template = values.get('json.template');
  if (template !== undefined) return templateMapper(template, columns);
  return objectMapper(columns, isTrue('json.include-timestamp'), isTrue('json.pretty-print') ? 2 : 0);
}

function objectMapper(columns: readonly Column[], withTimestamp: boolean, indent: number): SinkMapper {
  const colon = indent === 0 ? ':' : ': ';
  const keys = columns.map(({ name }) => JSON.stringify(name) + colon);
  return ({ values, timestamp }) => {
    const members = values.map((value, index) => keys[index]! + jsonText(value, indent));
    if (withTimestamp) members.unshift(`"_timestamp"${colon}${timestamp}`);
    return between('{', members, '}', indent, 0);
  };
}

function jsonText(value: Value, indent = 0): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  return writeJson(value as Json, indent, 1);
}

/** `{{column}}`: text is escaped as in JSON but without quotes, anything else is JSON. */
function templateMapper(template: string, columns: readonly Column[]): SinkMapper {
  // Every second piece is the name of a column, which the check has found.
  const pieces = template.split(/\{\{([^{}]*)\}\}/);
  const places = pieces.map((piece, index) =>
    index % 2 === 0 ? -1 : columns.findIndex(({ name }) => name === piece.trim()),
  );
  return ({ values }) =>
    pieces.map((piece, index) => (places[index] === -1 ? piece : inTemplate(values[places[index]!]!))).join('');
}

function inTemplate(value: Value): string {
  const text = jsonText(value);
  return typeof value === 'string' || value instanceof Uint8Array ? text.slice(1, -1) : text;
}

function plainText(value: Value): string {
  if (value === null) return '';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'object' ? writeJson(value) : String(value);
}
