/** Converters by name: their class names in Kafka Connect, the same without the package, and short ones of our own. */
import { type ConfigDef, define, type RawConfig } from '../config/config-def.ts';
import { avroConverter } from './avro/avro-converter.ts';
import { bytesConverter } from './bytes.ts';
import type { Converter, ConverterContext, HeaderConverter } from './converter.ts';
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
import { stringConverter, stringConverterConfig } from './string.ts';

export interface ConverterClass {
  readonly className: string;
  readonly shortName: string;
  readonly config: ConfigDef;
  make(config: RawConfig, context: ConverterContext): Converter;
}

const none = define({});
const primitives = 'org.apache.kafka.connect.converters';

export const converterClasses: readonly ConverterClass[] = [
  {
    className: 'org.apache.kafka.connect.storage.StringConverter',
    shortName: 'string',
    config: stringConverterConfig,
    make: (config) => stringConverter(config),
  },
  {
    className: 'org.apache.kafka.connect.json.JsonConverter',
    shortName: 'json',
    config: jsonConverterConfig,
    make: (config) => jsonConverter(config),
  },
  { className: `${primitives}.ByteArrayConverter`, shortName: 'bytes', config: none, make: () => bytesConverter },
  { className: `${primitives}.ShortConverter`, shortName: 'short', config: none, make: () => shortConverter },
  { className: `${primitives}.IntegerConverter`, shortName: 'integer', config: none, make: () => integerConverter },
  { className: `${primitives}.LongConverter`, shortName: 'long', config: none, make: () => longConverter },
  { className: `${primitives}.FloatConverter`, shortName: 'float', config: none, make: () => floatConverter },
  { className: `${primitives}.DoubleConverter`, shortName: 'double', config: none, make: () => doubleConverter },
  { className: `${primitives}.BooleanConverter`, shortName: 'boolean', config: none, make: () => booleanConverter },
  { className: 'tributary.NaturalConverter', shortName: 'natural', config: none, make: () => naturalConverter() },
  avroConverter,
];

/** By class name, simple class name (`StringConverter`) or short name (`string`); undefined where there is none. */
export function findConverter(
  name: string,
  classes: readonly ConverterClass[] = converterClasses,
): ConverterClass | undefined {
  return classes.find(
    ({ className, shortName }) => name === className || name === shortName || className.endsWith(`.${name}`),
  );
}

/** True for the header converter that is none of values. */
export function isSimpleHeaderConverter(name: string): boolean {
  return /^(org\.apache\.kafka\.connect\.storage\.)?SimpleHeaderConverter$/.test(name) || name === 'simple';
}

/** A converter of values as one of headers, which is asked for each header. */
export function asHeaderConverter(converter: Converter): HeaderConverter {
  const { prepare } = converter;
  return {
    toBytes: (topic, _header, schema, value) => converter.toBytes(topic, schema, value),
    ...(prepare === undefined ? {} : { prepare: prepare.bind(converter) }),
  };
}
