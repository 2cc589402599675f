/** Kafka Connect's JSON envelope `{"schema":…,"payload":…}` read as a value of the data model, for recorded cases. */
import type { Schema, SchemaType } from '../../src/record/schema.ts';

export interface Envelope {
  readonly schema: JsonSchema | null;
  readonly payload: unknown;
}

export interface JsonSchema {
  readonly type: string;
  readonly optional?: boolean;
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: unknown;
  readonly field?: string;
  readonly fields?: readonly JsonSchema[];
  readonly items?: JsonSchema | null;
  readonly keys?: JsonSchema | null;
  readonly values?: JsonSchema | null;
}

export interface Typed {
  readonly schema: Schema | null;
  readonly value: unknown;
}

/** JSON with integers that doubles cannot hold as bigint. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' &&
    context?.source !== undefined &&
    /^-?\d+$/.test(context.source) &&
    !Number.isSafeInteger(value)
      ? BigInt(context.source)
      : value,
  );
}

export function fromEnvelope(envelope: Envelope | null | undefined): Typed {
  if (envelope === null || envelope === undefined) return { schema: null, value: null };
  if (envelope.schema === null) return { schema: null, value: envelope.payload };
  const schema = schemaOf(envelope.schema);
  return { schema, value: valueFrom(schema, envelope.payload) };
}

const types: Readonly<Record<string, SchemaType>> = { float: 'float32', double: 'float64' };

function schemaOf(json: JsonSchema): Schema {
  const made: Schema = {
    type: types[json.type] ?? (json.type as SchemaType),
    optional: json.optional ?? true,
    ...(json.name === undefined ? {} : { name: json.name }),
    ...(json.version === undefined ? {} : { version: json.version }),
    ...(json.doc === undefined ? {} : { doc: json.doc }),
    ...(json.parameters === undefined ? {} : { parameters: json.parameters }),
    ...(json.fields === undefined
      ? {}
      : { fields: json.fields.map((field) => ({ name: field.field!, schema: schemaOf(field) })) }),
    ...(json.keys === undefined || json.keys === null ? {} : { keySchema: schemaOf(json.keys) }),
    ...(json.values === undefined || json.values === null ? {} : { valueSchema: schemaOf(json.values) }),
    ...(json.items === undefined || json.items === null ? {} : { valueSchema: schemaOf(json.items) }),
  };
  return json.default === undefined ? made : { ...made, default: valueFrom(made, json.default) };
}

function valueFrom(schema: Schema, json: unknown): unknown {
  if (json === null || json === undefined) return null;
  switch (schema.type) {
    case 'bytes':
      return Buffer.from(json as string, 'base64');
    case 'float32':
      return Math.fround(json as number);
    case 'array':
      return (json as unknown[]).map((item) => valueFrom(schema.valueSchema!, item));
    case 'map': {
      const entries = Array.isArray(json) ? (json as [unknown, unknown][]) : Object.entries(json);
      return new Map(
        entries.map(([key, item]) => [valueFrom(schema.keySchema!, key), valueFrom(schema.valueSchema!, item)]),
      );
    }
    case 'struct':
      return Object.fromEntries(
        schema.fields!.map(({ name, schema: field }) => [
          name,
          valueFrom(field, (json as Record<string, unknown>)[name]),
        ]),
      );
    default:
      return json;
  }
}
