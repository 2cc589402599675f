/**
 * Avro's form of a schema, with what only Kafka Connect knows in `connect.*` properties, as Confluent's AvroConverter makes
 * it, so that its reader gets back what was written. Optional is a union with null. Two unnamed structures that differ get
 * names of their own (ConnectDefault, ConnectDefault2), where Avro could not hold both.
 */
import { TributaryError } from '../../base/errors.ts';
import { DATE_NAME, DECIMAL_NAME, scaleOf, TIME_NAME, TIMESTAMP_NAME } from '../../record/logical.ts';
import type { Schema } from '../../record/schema.ts';
import { utf8Text } from '../utf8.ts';

export type AvroSchema = string | readonly AvroSchema[] | AvroObject;

export interface AvroObject {
  readonly type: AvroSchema;
  readonly name?: string;
  readonly namespace?: string;
  readonly fields?: readonly AvroField[];
  readonly items?: AvroSchema;
  readonly values?: AvroSchema;
  readonly symbols?: readonly string[];
  readonly size?: number;
  readonly [property: string]: unknown;
}

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly default?: unknown;
}

export interface AvroSchemaOptions {
  /** Whether `connect.*` properties are written. */
  readonly metadata: boolean;
  /** Whether characters that Avro's names cannot have become underscores; an error otherwise. */
  readonly scrubNames: boolean;
}

const namespace = 'io.confluent.connect.avro';
const defaultName = 'ConnectDefault';
/** Of decimals whose schema does not tell. */
const defaultPrecision = 64;

export function avroSchema(schema: Schema, options: AvroSchemaOptions): AvroSchema {
  return new Names(options).typeOf(schema);
}

/** Full name of the record that a struct becomes, for subjects; undefined for another type. */
export function recordName(schema: Schema, options: AvroSchemaOptions): string | undefined {
  if (schema.type !== 'struct') return undefined;
  const { name, space } = new Names(options).split(schema.name);
  return space === '' ? name : `${space}.${name}`;
}

/** What was named so far: Avro defines a name once, and refers to it from then on. */
class Names {
  readonly #options: AvroSchemaOptions;
  readonly #defined = new Map<string, string>();
  readonly #unnamed = new Map<string, string>();

  constructor(options: AvroSchemaOptions) {
    this.#options = options;
  }

  typeOf(schema: Schema): AvroSchema {
    const base = this.#base(schema);
    if (!schema.optional) return base;
    const nullLast = schema.type !== 'struct' && schema.default !== undefined && schema.default !== null;
    return nullLast ? [base, 'null'] : ['null', base];
  }

  split(full: string | undefined): { readonly name: string; readonly space: string } {
    if (full === undefined) return { name: defaultName, space: namespace };
    const dot = full.lastIndexOf('.');
    const space = full.slice(0, Math.max(0, dot)).split('.');
    return {
      name: this.#name(full.slice(dot + 1)),
      space: dot < 0 ? '' : space.map((part) => this.#name(part)).join('.'),
    };
  }

  #base(schema: Schema): AvroSchema {
    switch (schema.type) {
      case 'struct':
        return this.#record(schema);
      case 'array':
        return this.#with(schema, { type: 'array', items: this.typeOf(member(schema.valueSchema, 'array')) });
      case 'map':
        return this.#map(schema);
      default:
        return this.#with(schema, { type: primitives[schema.type], ...this.#decimal(schema) });
    }
  }

  #record(schema: Schema): AvroSchema {
    const split = this.split(schema.name);
    const space = split.space;
    const shape = JSON.stringify(schema, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    let { name } = split;
    if (schema.name === undefined) {
      const known = this.#unnamed.get(shape);
      if (known !== undefined) return known;
      if (this.#unnamed.size > 0) name = `${defaultName}${this.#unnamed.size + 1}`;
      this.#unnamed.set(shape, `${space}.${name}`);
    }
    const full = space === '' ? name : `${space}.${name}`;
    const before = this.#defined.get(full);
    if (before !== undefined) {
      if (before === withoutOptional(shape)) return full;
      throw new TributaryError(
        'CONVERSION_FAILED',
        `Cannot describe "${full}" in Avro: two different structs have that name`,
      );
    }
    this.#defined.set(full, withoutOptional(shape));
    const fields = (schema.fields ?? []).map((field) => this.#field(field.name, field.schema));
    return this.#with(schema, { type: 'record', name, ...(space === '' ? {} : { namespace: space }), fields });
  }

  /** Keys of text make a map, others a list of records. */
  #map(schema: Schema): AvroSchema {
    const keys = member(schema.keySchema, 'map');
    const values = member(schema.valueSchema, 'map');
    if (keys.type === 'string' && !keys.optional)
      return this.#with(schema, { type: 'map', values: this.typeOf(values) });
    const { name, space } =
      schema.name === undefined ? { name: 'MapEntry', space: namespace } : this.split(schema.name);
    const entry: AvroObject = {
      type: 'record',
      name,
      ...(space === '' ? {} : { namespace: space }),
      fields: [this.#field('key', keys), this.#field('value', values)],
      ...(schema.name === undefined ? {} : { 'connect.internal.type': 'MapEntry' }),
    };
    return this.#with(schema, { type: 'array', items: entry });
  }

  #field(name: string, schema: Schema): AvroField {
    const type = this.typeOf(schema);
    const field = { name: this.#name(name), type };
    if (schema.default !== undefined && schema.default !== null)
      return { ...field, default: avroDefault(schema, schema.default) };
    return schema.optional ? { ...field, default: null } : field;
  }

  #decimal(schema: Schema): Partial<AvroObject> {
    if (schema.name !== DECIMAL_NAME) return {};
    const precision = Number(schema.parameters?.['connect.decimal.precision'] ?? defaultPrecision);
    return { scale: scaleOf(schema), precision };
  }

  #with(schema: Schema, object: AvroObject): AvroSchema {
    const logical = logicalTypes[schema.name ?? ''];
    const connectType = schema.type === 'int8' || schema.type === 'int16' ? schema.type : undefined;
    const { doc, version, parameters, name, default: fallback } = schema;
    const more = this.#options.metadata
      ? {
          ...(doc === undefined ? {} : { 'connect.doc': doc }),
          ...(version === undefined ? {} : { 'connect.version': version }),
          ...(parameters === undefined || Object.keys(parameters).length === 0
            ? {}
            : { 'connect.parameters': parameters }),
          ...(fallback === undefined || fallback === null ? {} : { 'connect.default': avroDefault(schema, fallback) }),
          ...(name === undefined ? {} : { 'connect.name': name }),
          ...(connectType === undefined ? {} : { 'connect.type': connectType }),
        }
      : {};
    const all = { ...object, ...more, ...(logical === undefined ? {} : { logicalType: logical }) };
    return Object.keys(all).length === 1 && typeof all.type === 'string' ? all.type : all;
  }

  #name(text: string): string {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
    if (this.#options.scrubNames) return text.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9]|$)/, '_');
    throw new TributaryError(
      'CONVERSION_FAILED',
      `Cannot describe "${text}" in Avro: names are made of letters, digits and underscores. scrub.invalid.names=true replaces the others`,
    );
  }
}

const primitives = {
  int8: 'int',
  int16: 'int',
  int32: 'int',
  int64: 'long',
  float32: 'float',
  float64: 'double',
  boolean: 'boolean',
  string: 'string',
  bytes: 'bytes',
} as const;

const logicalTypes: Readonly<Record<string, string | undefined>> = {
  [DECIMAL_NAME]: 'decimal',
  [DATE_NAME]: 'date',
  [TIME_NAME]: 'time-millis',
  [TIMESTAMP_NAME]: 'timestamp-millis',
};

function member(schema: Schema | undefined, what: string): Schema {
  if (schema !== undefined) return schema;
  throw new TributaryError(
    'CONVERSION_FAILED',
    `Cannot describe the ${what} in Avro: its members have no common schema`,
  );
}

/** The same struct may be optional in one place and required in another. */
function withoutOptional(shape: string): string {
  return shape.replace(/"optional":(true|false)/, '"optional":');
}

/** A default as Avro writes it in JSON: bytes as the characters of the same numbers. */
function avroDefault(schema: Schema, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (schema.type) {
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('latin1');
    case 'string':
      return utf8Text(value as string | Uint8Array);
    case 'int64':
      return typeof value === 'bigint' ? Number(value) : value;
    case 'array':
      return (value as readonly unknown[]).map((item) => avroDefault(schema.valueSchema!, item));
    case 'map': {
      const entries = [...(value as ReadonlyMap<unknown, unknown>)];
      const byText = schema.keySchema?.type === 'string' && !schema.keySchema.optional;
      return byText
        ? Object.fromEntries(entries.map(([key, item]) => [String(key), avroDefault(schema.valueSchema!, item)]))
        : entries.map(([key, item]) => ({
            key: avroDefault(schema.keySchema!, key),
            value: avroDefault(schema.valueSchema!, item),
          }));
    }
    case 'struct':
      return Object.fromEntries(
        (schema.fields ?? []).map(({ name, schema: field }) => [
          name,
          avroDefault(field, (value as Record<string, unknown>)[name]),
        ]),
      );
    default:
      return value;
  }
}
