/**
 * Which converters a connector uses: its own with its own options, or the worker's with the worker's options. Options of
 * the worker are never added to a converter that the connector names (Kafka Connect's rule).
 */
import { TributaryError } from '../base/errors.ts';
import { type RawConfig, withoutPrefix } from '../config/raw.ts';
import type { Converter } from '../convert/converter.ts';
import { findConverter, makeHeaderConverter } from '../convert/converters.ts';
import type { Converters } from './record-sends.ts';

/** `worker` holds key.converter, value.converter, header.converter and their prefixed options. */
export function selectConverters(connector: RawConfig, worker: RawConfig): Converters {
  return {
    key: select('key.converter', connector, worker),
    value: select('value.converter', connector, worker),
    header: selectHeader(connector, worker),
  };
}

/** Classes of the converters that `selectConverters` takes, for people to read. */
export function converterNames(connector: RawConfig, worker: RawConfig): Record<'key' | 'value' | 'header', string> {
  const nameOf = (key: string, otherwise?: string): string => {
    const { name } = chosen(key, connector, worker, otherwise);
    return findConverter(name)?.className ?? name;
  };
  return {
    key: nameOf('key.converter'),
    value: nameOf('value.converter'),
    header: nameOf('header.converter', 'SimpleHeaderConverter'),
  };
}

/** True for a name that some converter has. */
export function isConverter(name: string): boolean {
  return findConverter(name) !== undefined;
}

export function isHeaderConverter(name: string): boolean {
  return makeHeaderConverter(name, {}) !== undefined;
}

function select(key: string, connector: RawConfig, worker: RawConfig): Converter {
  const { name, options } = chosen(key, connector, worker);
  const converter = findConverter(name);
  if (converter === undefined) throw unknown(key, name);
  return converter.make(options);
}

function selectHeader(connector: RawConfig, worker: RawConfig): Converters['header'] {
  const { name, options } = chosen('header.converter', connector, worker, 'SimpleHeaderConverter');
  const converter = makeHeaderConverter(name, options);
  if (converter === undefined) throw unknown('header.converter', name);
  return converter;
}

function chosen(
  key: string,
  connector: RawConfig,
  worker: RawConfig,
  otherwise = 'natural',
): { readonly name: string; readonly options: RawConfig } {
  const from = connector[key] === undefined ? worker : connector;
  return { name: (from[key] ?? otherwise).trim(), options: withoutPrefix(from, `${key}.`) };
}

function unknown(key: string, name: string): TributaryError {
  return new TributaryError(
    'CONFIG_INVALID',
    `Invalid value ${name} for configuration ${key}: Class ${name} could not be found.`,
  );
}
