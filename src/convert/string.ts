import { TributaryError } from '../base/errors.ts';
import { define, parse, type RawConfig } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import type { Converter } from './converter.ts';
import { displayText } from './display-text.ts';
import { utf8Text } from './utf8.ts';

/** Character sets by their names in Java. What one cannot write becomes a question mark, as there. */
const encoders: Readonly<Record<string, (text: string) => Buffer>> = {
  'utf-8': (text) => Buffer.from(text, 'utf8'),
  utf8: (text) => Buffer.from(text, 'utf8'),
  'us-ascii': (text) => singleBytes(text, /[^\0-\x7f]/gu),
  ascii: (text) => singleBytes(text, /[^\0-\x7f]/gu),
  'iso-8859-1': (text) => singleBytes(text, /[^\0-\xff]/gu),
  'utf-16le': (text) => Buffer.from(text, 'utf16le'),
  'utf-16be': (text) => Buffer.from(text, 'utf16le').swap16(),
  'utf-16': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
};

export const stringConverterConfig = define({
  'converter.encoding': string({
    default: 'UTF-8',
    doc: 'Character set of the bytes that are written: UTF-8, ISO-8859-1, US-ASCII, UTF-16, UTF-16BE or UTF-16LE',
    importance: 'high',
    width: 'medium',
    displayName: 'Encoding',
  }),
});

function encoderOf(name: string): (text: string) => Buffer {
  const found = encoders[name.toLowerCase()];
  if (found !== undefined) return found;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Invalid value ${name} for configuration converter.encoding: must be one of ${Object.keys(encoders).join(', ')}`,
  );
}

function singleBytes(text: string, others: RegExp): Buffer {
  return Buffer.from(text.replace(others, '?'), 'latin1');
}

/** StringConverter: the text of a value. Structures get the text form that Java gives them. */
export function stringConverter(config: RawConfig): Converter {
  const encode = encoderOf(parse(stringConverterConfig, config)['converter.encoding']);
  const isUtf8 = encode === encoders['utf-8'] || encode === encoders['utf8'];
  return {
    passes: (schema) => isUtf8 && schema?.type === 'string',
    toBytes(topic, schema, value) {
      if (value === null || value === undefined) return null;
      if (schema?.type === 'string' && value instanceof Uint8Array) {
        return isUtf8 ? value : encode(utf8Text(value));
      }
      return encode(textOf(topic, schema, value));
    },
  };
}

function textOf(topic: string, schema: Schema | null, value: unknown): string {
  const text = displayText(schema, value);
  if (text === undefined) {
    throw new TributaryError(
      'CONVERSION_FAILED',
      `Cannot write a value for topic "${topic}" as text: its schema is ${schema?.type ?? 'unknown'}`,
    );
  }
  return text;
}
