/**
 * Writes values of one schema in the form of an Avro schema, which may be another one than our own (the registry's latest):
 * fields are found by name, unions by type, and numbers may be widened. What does not fit is found when the two are
 * brought together, not with the first record.
 */
import { TributaryError } from '../../base/errors.ts';
import type { Schema } from '../../record/schema.ts';
import type { AvroField, AvroObject, AvroSchema } from './avro-schema.ts';
import type { AvroWriter } from './avro-writer.ts';

export type Encode = (writer: AvroWriter, value: unknown) => void;

/** CONVERSION_FAILED names the field that does not fit. */
export function avroEncoder(schema: Schema, avro: AvroSchema): Encode {
  return new Compiler().pair(schema, avro, '', 'value');
}

class Compiler {
  readonly #named = new Map<string, AvroObject>();
  /** Encoders by record name and schema: types may refer to themselves. */
  readonly #records = new Map<string, Map<Schema, { encode: Encode }>>();

  pair(schema: Schema, avro: AvroSchema, space: string, path: string): Encode {
    if (Array.isArray(avro)) return this.#union(schema, avro as readonly AvroSchema[], space, path);
    const type = this.#resolve(avro as string | AvroObject, space);
    const encode = this.#plain(schema, type, space, path);
    const fallback = schema.default;
    return (writer, value) => {
      const given = value ?? fallback;
      if (given === null || given === undefined) throw failure(path, 'it is null, and the schema wants a value');
      encode(writer, given);
    };
  }

  #union(schema: Schema, branches: readonly AvroSchema[], space: string, path: string): Encode {
    const nullAt = branches.indexOf('null');
    const at = branches.findIndex((branch) => branch !== 'null' && this.#fits(schema, branch, space));
    if (at < 0) throw failure(path, `none of the types in the registered schema takes ${schema.type}`);
    const encode = this.pair({ ...schema, default: undefined }, branches[at]!, space, path);
    const fallback = schema.default;
    return (writer, value) => {
      const given = value ?? fallback;
      if (given === null || given === undefined) {
        if (nullAt < 0) throw failure(path, 'it is null, and the schema wants a value');
        writer.long(nullAt);
      } else {
        writer.long(at);
        encode(writer, given);
      }
    };
  }

  /** A primitive's name, or the object that defines a type. */
  #resolve(avro: string | AvroObject, space: string): string | AvroObject {
    if (typeof avro === 'string') return this.#named.get(fullName(avro, space)) ?? avro;
    if (typeof avro.name === 'string') {
      this.#named.set(fullName(avro.name, avro.namespace ?? space), avro);
      return avro;
    }
    return avro;
  }

  #fits(schema: Schema, branch: AvroSchema, space: string): boolean {
    const type = typeNameOf(this.#resolve(branch as string | AvroObject, space));
    return accepted[schema.type].includes(type);
  }

  #plain(schema: Schema, avro: string | AvroObject, space: string, path: string): Encode {
    const type = typeNameOf(avro);
    if (!accepted[schema.type].includes(type))
      throw failure(path, `it is ${schema.type}, the registered schema says ${type}`);
    switch (type) {
      case 'int':
      case 'long':
        return (writer, value) => writer.long(whole(value, path));
      case 'float':
        return (writer, value) => writer.float(numeric(value, path));
      case 'double':
        return (writer, value) => writer.double(numeric(value, path));
      case 'boolean':
        return (writer, value) => {
          if (typeof value !== 'boolean') throw failure(path, `it is no boolean but ${typeof value}`);
          writer.byte(value ? 1 : 0);
        };
      case 'string':
      case 'bytes':
        return textOrBytes(path);
      case 'array':
        return schema.type === 'map'
          ? this.#entries(schema, avro as AvroObject, space, path)
          : this.#array(schema, avro as AvroObject, space, path);
      case 'map':
        return this.#map(schema, avro as AvroObject, space, path);
      case 'record':
        return this.#record(schema, avro as AvroObject, space, path);
      case 'enum':
        return enumEncoder((avro as AvroObject).symbols ?? [], path);
      default:
        throw failure(path, `the registered schema says ${type}, which is not written here`);
    }
  }

  #array(schema: Schema, { items }: AvroObject, space: string, path: string): Encode {
    const encode = this.pair(schema.valueSchema!, items!, space, `${path}[]`);
    return (writer, value) => {
      if (!Array.isArray(value)) throw failure(path, `it is no list but ${typeof value}`);
      writeBlock(writer, value.length, () => {
        for (const item of value) encode(writer, item);
      });
    };
  }

  #map(schema: Schema, { values }: AvroObject, space: string, path: string): Encode {
    const encode = this.pair(schema.valueSchema!, values!, space, `${path}{}`);
    return (writer, value) => {
      const map = requireMap(value, path);
      writeBlock(writer, map.size, () => {
        for (const [key, item] of map) {
          writer.text(String(key));
          encode(writer, item);
        }
      });
    };
  }

  #entries(schema: Schema, { items }: AvroObject, space: string, path: string): Encode {
    const entry = this.#resolve(items as string | AvroObject, space) as AvroObject;
    const typeOf = (name: string): AvroSchema => entry.fields!.find((field) => field.name === name)!.type;
    const inner = entry.namespace ?? space;
    const key = this.pair(schema.keySchema!, typeOf('key'), inner, `${path}.key`);
    const item = this.pair(schema.valueSchema!, typeOf('value'), inner, `${path}.value`);
    return (writer, value) => {
      const map = requireMap(value, path);
      writeBlock(writer, map.size, () => {
        for (const [k, v] of map) {
          key(writer, k);
          item(writer, v);
        }
      });
    };
  }

  #record(schema: Schema, avro: AvroObject, space: string, path: string): Encode {
    const inner = avro.namespace ?? space;
    const full = fullName(avro.name ?? '', inner);
    const known = this.#records.get(full) ?? new Map<Schema, { encode: Encode }>();
    this.#records.set(full, known);
    const before = known.get(schema);
    if (before !== undefined) return (writer, value) => before.encode(writer, value);
    const slot = { encode: (() => {}) as Encode };
    known.set(schema, slot);
    const parts = (avro.fields ?? []).map((field) => this.#field(schema, field, inner, path));
    slot.encode = (writer, value) => {
      if (typeof value !== 'object' || value === null) throw failure(path, `it is no struct but ${typeof value}`);
      const struct = value as Readonly<Record<string, unknown>>;
      for (const { name, encode } of parts) encode(writer, struct[name]);
    };
    return slot.encode;
  }

  /** A field that only the registered schema has is written with its default. */
  #field(
    schema: Schema,
    field: AvroField,
    space: string,
    path: string,
  ): { readonly name: string; readonly encode: Encode } {
    const own = schema.fields?.find(({ name }) => name === field.name || scrubbed(name) === field.name);
    const fieldPath = path === 'value' ? field.name : `${path}.${field.name}`;
    if (own !== undefined) return { name: own.name, encode: this.pair(own.schema, field.type, space, fieldPath) };
    if (Array.isArray(field.type) && field.default === null) {
      const at = (field.type as readonly AvroSchema[]).indexOf('null');
      if (at >= 0) return { name: field.name, encode: (writer) => writer.long(at) };
    }
    throw failure(fieldPath, 'the record has no such field, and the registered schema has no null for it');
  }
}

/** Types of Avro that values of a type may be written as. */
const accepted: Readonly<Record<Schema['type'], readonly string[]>> = {
  int8: ['int', 'long', 'float', 'double'],
  int16: ['int', 'long', 'float', 'double'],
  int32: ['int', 'long', 'float', 'double'],
  int64: ['long', 'float', 'double'],
  float32: ['float', 'double'],
  float64: ['double'],
  boolean: ['boolean'],
  string: ['string', 'enum', 'bytes'],
  bytes: ['bytes', 'string'],
  array: ['array'],
  map: ['map', 'array'],
  struct: ['record'],
};

function typeNameOf(avro: string | AvroObject): string {
  if (typeof avro === 'string') return avro;
  return typeof avro.type === 'string' ? avro.type : typeNameOf(avro.type as AvroObject);
}

function fullName(name: string, space: string): string {
  return name.includes('.') || space === '' ? name : `${space}.${name}`;
}

function scrubbed(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9]|$)/, '_');
}

function writeBlock(writer: AvroWriter, count: number, write: () => void): void {
  if (count > 0) {
    writer.long(count);
    write();
  }
  writer.long(0);
}

function textOrBytes(path: string): Encode {
  return (writer, value) => {
    if (value instanceof Uint8Array) writer.bytes(value);
    else if (typeof value === 'string') writer.text(value);
    else throw failure(path, `it is no text but ${typeof value}`);
  };
}

function enumEncoder(symbols: readonly string[], path: string): Encode {
  return (writer, value) => {
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value);
    const at = symbols.indexOf(text);
    if (at < 0) throw failure(path, 'it is none of the registered symbols');
    writer.long(at);
  };
}

function whole(value: unknown, path: string): number | bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return value as number | bigint;
  throw failure(path, 'it is no whole number');
}

function numeric(value: unknown, path: string): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw failure(path, `it is no number but ${typeof value}`);
}

function requireMap(value: unknown, path: string): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value;
  throw failure(path, `it is no map but ${typeof value}`);
}

function failure(path: string, problem: string): TributaryError {
  return new TributaryError('CONVERSION_FAILED', `Cannot write "${path}" as Avro: ${problem}`);
}
