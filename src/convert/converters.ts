/** Converters by name: their class names in Kafka Connect, the same without the package, and short ones of our own. */
import { type ConfigDef, define, type RawConfig } from '../config/config-def.ts';
import { bytesConverter } from './bytes.ts';
import type { Converter, HeaderConverter } from './converter.ts';
import { jsonConverter, jsonConverterConfig } from './json.ts';
import { naturalConverter } from './natural.ts';
import {
  booleanConverter,
  doubleConverter,
  floatConverter,
  integerConverter,
  longConverter,
  shortConverter,
} from './primitives.ts';
import { simpleHeaderConverter } from './simple-header.ts';
import { stringConverter, stringConverterConfig } from './string.ts';

export interface ConverterClass {
  readonly className: string;
  readonly shortName: string;
  readonly config: ConfigDef;
  make(config: RawConfig): Converter;
}

const none = define({});
const primitives = 'org.apache.kafka.connect.converters';

export const converterClasses: readonly ConverterClass[] = [
  {
    className: 'org.apache.kafka.connect.storage.StringConverter',
    shortName: 'string',
    config: stringConverterConfig,
    make: stringConverter,
  },
  {
    className: 'org.apache.kafka.connect.json.JsonConverter',
    shortName: 'json',
    config: jsonConverterConfig,
    make: jsonConverter,
  },
  { className: `${primitives}.ByteArrayConverter`, shortName: 'bytes', config: none, make: () => bytesConverter },
  { className: `${primitives}.ShortConverter`, shortName: 'short', config: none, make: () => shortConverter },
  { className: `${primitives}.IntegerConverter`, shortName: 'integer', config: none, make: () => integerConverter },
  { className: `${primitives}.LongConverter`, shortName: 'long', config: none, make: () => longConverter },
  { className: `${primitives}.FloatConverter`, shortName: 'float', config: none, make: () => floatConverter },
  { className: `${primitives}.DoubleConverter`, shortName: 'double', config: none, make: () => doubleConverter },
  { className: `${primitives}.BooleanConverter`, shortName: 'boolean', config: none, make: () => booleanConverter },
  { className: 'tributary.NaturalConverter', shortName: 'natural', config: none, make: naturalConverter },
];

/** By class name, simple class name (`StringConverter`) or short name (`string`); undefined where there is none. */
export function findConverter(name: string): ConverterClass | undefined {
  return converterClasses.find(
    ({ className, shortName }) => name === className || name === shortName || className.endsWith(`.${name}`),
  );
}

/** Header converters: SimpleHeaderConverter, or any converter of values, which then is asked for each header. */
export function makeHeaderConverter(name: string, config: RawConfig): HeaderConverter | undefined {
  if (/^(org\.apache\.kafka\.connect\.storage\.)?SimpleHeaderConverter$/.test(name) || name === 'simple') {
    return simpleHeaderConverter();
  }
  const converter = findConverter(name)?.make(config);
  if (converter === undefined) return undefined;
  return { toBytes: (topic, _header, schema, value) => converter.toBytes(topic, schema, value) };
}
