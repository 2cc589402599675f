import { define, parse } from '../config/config-def.ts';
import { list, string } from '../config/option.ts';
import { parseDecimal, unscaledBytes } from '../record/decimal.ts';
import { DECIMAL_NAME, epochMsOf, scaleOf } from '../record/logical.ts';
import type { Schema, SchemaType } from '../record/schema.ts';
import { inferType, javaClass } from './java-class.ts';
import { floatOf } from './java-parse.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { nonEmptyList, nonEmptyString } from './validators.ts';

const config = define({
  fields: list({ doc: 'Fields to mask', importance: 'high', validate: nonEmptyList }),
  replacement: string({
    default: null,
    doc: 'What stands in the fields instead, for texts and numbers. Without it: 0, false, an empty text, list or map',
    importance: 'low',
    validate: nonEmptyString,
  }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'mask fields';

/** Puts something that tells nothing in place of fields' values. Nulls stay. */
export const maskField = keyAndValue('org.apache.kafka.connect.transforms.MaskField', config, (raw, part) => {
  const { fields, replacement, 'replace.null.with.default': defaults } = parse(config, raw);
  const masked = new Set(fields);
  const mask = (schema: Schema | null, value: unknown): unknown =>
    value === null || value === undefined
      ? null
      : replacement === null
        ? emptyOf(schema, value)
        : replaced(schema, value, replacement);
  return {
    apply(record) {
      const schema = part.schemaOf(record);
      const value = part.valueOf(record);
      if (schema === null) {
        const updated: Record<string, unknown> = { ...requireMap(value, purpose) };
        for (const name of masked) put(updated, name, mask(null, Object.hasOwn(updated, name) ? updated[name] : null));
        return part.replaced(record, null, updated);
      }
      const struct = requireStruct(schema, value, purpose);
      const updated: Record<string, unknown> = {};
      for (const field of schema.fields ?? []) {
        const item = fieldValue(struct, field, defaults);
        put(updated, field.name, masked.has(field.name) ? mask(field.schema, item) : item);
      }
      return part.replaced(record, schema, updated);
    },
  };
});

function emptyOf(schema: Schema | null, value: unknown): unknown {
  if (schema?.name === DECIMAL_NAME) return unscaledBytes(0n);
  if (value instanceof Date) return new Date(0);
  switch (typeOf(schema, value)) {
    case 'boolean':
      return false;
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
      return 0;
    case 'string':
      return '';
    case 'array':
      return [];
    case 'map':
      return schema === null ? {} : new Map();
    default:
      throw dataError(`Cannot mask value of type: class ${javaClass(schema, value)}`);
  }
}

function replaced(schema: Schema | null, value: unknown, replacement: string): unknown {
  const isDate = value instanceof Date || (schema !== null && epochMsOf(schema, 0) !== undefined);
  const type = isDate ? undefined : schema?.name === DECIMAL_NAME ? 'decimal' : typeOf(schema, value);
  switch (type) {
    case 'string':
      return replacement;
    case 'int8':
      return Number(BigInt.asIntN(8, integerOf(replacement)));
    case 'int16':
      return Number(BigInt.asIntN(16, integerOf(replacement)));
    case 'int32':
      return Number(BigInt.asIntN(32, integerOf(replacement)));
    case 'int64': {
      const exact = BigInt.asIntN(64, integerOf(replacement));
      return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
    }
    case 'float32':
      return Math.fround(floatOf(replacement) ?? notANumber(replacement));
    case 'float64':
      return floatOf(replacement) ?? notANumber(replacement);
    case 'decimal':
      return unscaledBytes(atScale(replacement, scaleOf(schema!)));
    default:
      throw dataError(`Cannot mask value of type class ${javaClass(schema, value)} with custom replacement.`);
  }
}

function typeOf(schema: Schema | null, value: unknown): SchemaType | undefined {
  return schema === null ? inferType(value) : schema.type;
}

/** The whole part of a number, as BigDecimal gives it. */
function integerOf(text: string): bigint {
  return atScale(text, 0);
}

/** Digits beyond the scale are cut off. */
function atScale(text: string, wanted: number): bigint {
  const parsed = parseDecimal(text);
  if (parsed === undefined || Math.abs(parsed.scale) > 1000) return notANumber(text);
  const { unscaled, scale } = parsed;
  return scale <= wanted ? unscaled * 10n ** BigInt(wanted - scale) : unscaled / 10n ** BigInt(scale - wanted);
}

function notANumber(replacement: string): never {
  throw dataError(`Unable to convert ${replacement} (class java.lang.String) to a number`);
}
