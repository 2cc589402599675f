/** JsonConverter of Kafka Connect: values as JSON, with their schema in an envelope unless `schemas.enable` is false. */
import { TributaryError } from '../base/errors.ts';
import { define, parse, type RawConfig } from '../config/config-def.ts';
import { boolean, int, oneOf, string } from '../config/option.ts';
import { decimalText, unscaledOf } from '../record/decimal.ts';
import { doubleText, floatText } from '../record/java-number.ts';
import { DECIMAL_NAME, scaleOf } from '../record/logical.ts';
import type { Schema } from '../record/schema.ts';
import type { Converter } from './converter.ts';
import { jsonSchema } from './json-schema.ts';
import { jsonString } from './json-text.ts';
import { JsonTexts } from './json-texts.ts';
import { utf8Text } from './utf8.ts';

export const jsonConverterConfig = define({
  'schemas.enable': boolean({
    default: true,
    doc: 'Whether each value carries its schema: {"schema":…,"payload":…}',
    importance: 'high',
    group: 'Schemas',
    order: 0,
    width: 'medium',
    displayName: 'Enable Schemas',
  }),
  'schemas.cache.size': int({
    default: 1000,
    doc: 'Schemas whose JSON form is kept',
    importance: 'high',
    group: 'Schemas',
    order: 1,
    width: 'medium',
    displayName: 'Schema Cache Size',
  }),
  'decimal.format': string({
    default: 'BASE64',
    doc: 'How decimals are written: BASE64 (the bytes of the unscaled number) or NUMERIC',
    validate: oneOf(['BASE64', 'NUMERIC'], { ignoreCase: true }),
    importance: 'low',
    group: 'Serialization',
    order: 0,
    width: 'medium',
    displayName: 'Decimal Format',
  }),
  'replace.null.with.default': boolean({
    default: true,
    doc: 'Whether a null in a field that has a default is written as the default',
    importance: 'low',
    group: 'Serialization',
    order: 1,
    width: 'medium',
    displayName: 'Replace null with default',
  }),
});

interface Format {
  readonly numericDecimals: boolean;
  readonly defaultForNull: boolean;
}

export function jsonConverter(config: RawConfig): Converter {
  const options = parse(jsonConverterConfig, config);
  const format: Format = {
    numericDecimals: options['decimal.format'].toUpperCase() === 'NUMERIC',
    defaultForNull: options['replace.null.with.default'],
  };
  const envelope = options['schemas.enable'];
  const schemas = new SchemaCache(options['schemas.cache.size']);
  const texts = new JsonTexts(
    (schema) => (envelope ? `{"schema":${schemas.text(schema)},"payload":` : ''),
    envelope ? '}' : '',
  );
  return {
    passes: () => false,
    append: (schema, value, into) =>
      schema?.type === 'struct' && typeof value === 'object' && value !== null && texts.append(schema, value, into),
    toBytes(topic, schema, value) {
      if (schema === null && (value === null || value === undefined)) return null;
      try {
        if (schema?.type === 'struct' && typeof value === 'object' && value !== null) {
          const written = texts.write(schema, value);
          if (written !== undefined) return written;
        }
        const payload = toJson(schema, value, format);
        return Buffer.from(envelope ? `{"schema":${schemas.text(schema)},"payload":${payload}}` : payload);
      } catch (error) {
        throw new TributaryError('CONVERSION_FAILED', `Cannot write a value for topic "${topic}" as JSON`, {
          cause: error,
        });
      }
    },
  };
}

/** JSON texts of schemas, by identity: a connector uses few schemas, always the same objects. */
class SchemaCache {
  readonly #texts = new Map<Schema, string>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  text(schema: Schema | null): string {
    if (schema === null) return 'null';
    let text = this.#texts.get(schema);
    if (text === undefined) {
      text = JSON.stringify(jsonSchema(schema));
      if (this.#texts.size < this.#size) this.#texts.set(schema, text);
    }
    return text;
  }
}

function toJson(schema: Schema | null, given: unknown, format: Format): string {
  const value = given ?? (format.defaultForNull ? schema?.default : undefined);
  if (value === null || value === undefined) {
    if (schema !== null && !schema.optional) throw mismatch('a value', 'null');
    return 'null';
  }
  return schema === null ? schemaless(value, format) : withSchema(schema, value, format);
}

function withSchema(schema: Schema, value: unknown, format: Format): string {
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return String(value);
      throw mismatch(schema.type, typeof value);
    case 'float32':
    case 'float64':
      if (typeof value === 'number')
        return quotedIfNotFinite(schema.type === 'float32' ? floatText(value) : doubleText(value));
      throw mismatch(schema.type, typeof value);
    case 'boolean':
      if (typeof value === 'boolean') return String(value);
      throw mismatch('boolean', typeof value);
    case 'string':
      if (typeof value === 'string' || value instanceof Uint8Array) return jsonString(utf8Text(value));
      throw mismatch('string', typeof value);
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw mismatch('bytes', typeof value);
      if (format.numericDecimals && schema.name === DECIMAL_NAME) {
        return decimalText(unscaledOf(value), scaleOf(schema));
      }
      return base64(value);
    case 'array': {
      if (!Array.isArray(value)) throw mismatch('array', typeof value);
      return `[${value.map((item) => toJson(schema.valueSchema ?? null, item, format)).join(',')}]`;
    }
    case 'map':
      if (!(value instanceof Map)) throw mismatch('map', typeof value);
      return mapJson(schema, value, format);
    case 'struct':
      return structJson(schema, value, format);
  }
}

/** Maps with keys of text are objects, others arrays of pairs. */
function mapJson(schema: Schema | null, map: ReadonlyMap<unknown, unknown>, format: Format): string {
  const keySchema = schema?.keySchema ?? null;
  const valueSchema = schema?.valueSchema ?? null;
  const entries = [...map];
  const byText =
    keySchema === null
      ? entries.every(([key]) => typeof key === 'string')
      : keySchema.type === 'string' && !keySchema.optional;
  if (byText) {
    return `{${entries.map(([key, item]) => `${jsonString(String(key))}:${toJson(valueSchema, item, format)}`).join(',')}}`;
  }
  return `[${entries.map(([key, item]) => `[${toJson(keySchema, key, format)},${toJson(valueSchema, item, format)}]`).join(',')}]`;
}

function structJson(schema: Schema, value: unknown, format: Format): string {
  if (typeof value !== 'object' || value === null) throw mismatch('struct', typeof value);
  const fields = (schema.fields ?? []).map(
    ({ name, schema: field }) =>
      `${jsonString(name)}:${toJson(field, (value as Record<string, unknown>)[name], format)}`,
  );
  return `{${fields.join(',')}}`;
}

function schemaless(value: unknown, format: Format): string {
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Map) return mapJson(null, value, format);
  if (Array.isArray(value)) return `[${value.map((item) => toJson(null, item, format)).join(',')}]`;
  switch (typeof value) {
    case 'string':
      return jsonString(value);
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : quotedIfNotFinite(doubleText(value));
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'object': {
      const fields = Object.entries(value as object).filter(([, item]) => item !== undefined);
      return `{${fields.map(([key, item]) => `${jsonString(key)}:${toJson(null, item, format)}`).join(',')}}`;
    }
    default:
      throw mismatch('a value that JSON knows', typeof value);
  }
}

function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`;
}

/** JSON has no NaN and no infinity; the original writes their names as text. */
function quotedIfNotFinite(text: string): string {
  return /[fN]/.test(text) ? `"${text}"` : text;
}

function mismatch(wanted: string, found: string): TypeError {
  return new TypeError(`its schema says ${wanted}, it is ${found}`);
}
