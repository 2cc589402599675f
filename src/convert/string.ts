import { TributaryError } from '../base/errors.ts';
import { define, parse, type RawConfig } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import type { Converter } from './converter.ts';
import { displayText } from './display-text.ts';
import { utf8Text } from './utf8.ts';

/** Names of encodings as Java and Node call them; others cannot be written here. */
const encodings: Readonly<Record<string, BufferEncoding>> = {
  'utf-8': 'utf8',
  utf8: 'utf8',
  'us-ascii': 'latin1',
  ascii: 'latin1',
  'iso-8859-1': 'latin1',
  'utf-16le': 'utf16le',
};

export const stringConverterConfig = define({
  'converter.encoding': string({
    default: 'UTF-8',
    doc: 'Character set of the bytes that are written: UTF-8, ISO-8859-1, US-ASCII or UTF-16LE',
    validate: (value) =>
      value !== null && value.toLowerCase() in encodings
        ? undefined
        : `Encoding must be one of UTF-8, ISO-8859-1, US-ASCII, UTF-16LE`,
    importance: 'high',
  }),
});

/** StringConverter: the text of a value. Structures get the text form that Java gives them. */
export function stringConverter(config: RawConfig): Converter {
  const encoding = encodings[parse(stringConverterConfig, config)['converter.encoding'].toLowerCase()]!;
  return {
    passes: (schema) => encoding === 'utf8' && schema?.type === 'string',
    toBytes(topic, schema, value) {
      if (value === null || value === undefined) return null;
      if (schema?.type === 'string' && value instanceof Uint8Array) {
        return encoding === 'utf8' ? value : Buffer.from(utf8Text(value), encoding);
      }
      return Buffer.from(textOf(topic, schema, value), encoding);
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
