/**
 * Which converters a connector uses: its own with its own options, or the worker's with the worker's options. Options of
 * the worker are never added to a converter that the connector names (Kafka Connect's rule).
 */
import type { Clock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import { type RawConfig, withoutPrefix } from '../config/raw.ts';
import type { Converter, ConverterContext } from '../convert/converter.ts';
import {
  asHeaderConverter,
  type ConverterClass,
  converterClasses,
  findConverter,
  isSimpleHeaderConverter,
} from '../convert/converters.ts';
import { simpleHeaderConverter } from '../convert/simple-header.ts';
import { type OutboundPolicy, unrestricted } from '../net/outbound-policy.ts';
import { RegistryClient } from '../registry/registry-client.ts';
import type { Converters } from './record-sends.ts';

export interface SelectionOptions {
  readonly clock: Clock;
  /** Where a converter that the connector names may connect to; the worker's own ones may go everywhere. */
  readonly outbound: OutboundPolicy;
  /** Default: those that are built in. */
  readonly classes?: readonly ConverterClass[];
}

/** `worker` holds key.converter, value.converter, header.converter and their prefixed options. */
export function selectConverters(connector: RawConfig, worker: RawConfig, options: SelectionOptions): Converters {
  return {
    key: select('key', connector, worker, options),
    value: select('value', connector, worker, options),
    header: selectHeader(connector, worker, options),
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
export function isConverter(name: string, classes: readonly ConverterClass[] = converterClasses): boolean {
  return findConverter(name, classes) !== undefined;
}

export function isHeaderConverter(name: string, classes: readonly ConverterClass[] = converterClasses): boolean {
  return isSimpleHeaderConverter(name) || isConverter(name, classes);
}

function select(
  part: ConverterContext['part'],
  connector: RawConfig,
  worker: RawConfig,
  options: SelectionOptions,
): Converter {
  const { classes = converterClasses } = options;
  const key = `${part}.converter`;
  const found = chosen(key, connector, worker);
  const converter = findConverter(found.name, classes);
  if (converter === undefined) throw unknown(key, found.name, classes);
  const outbound = found.own ? options.outbound : unrestricted;
  return converter.make(found.options, {
    part,
    clock: options.clock,
    registry: (config, type) => new RegistryClient(config, type, outbound),
  });
}

function selectHeader(connector: RawConfig, worker: RawConfig, options: SelectionOptions): Converters['header'] {
  const { name } = chosen('header.converter', connector, worker, 'SimpleHeaderConverter');
  return isSimpleHeaderConverter(name)
    ? simpleHeaderConverter()
    : asHeaderConverter(select('header', connector, worker, options));
}

function chosen(
  key: string,
  connector: RawConfig,
  worker: RawConfig,
  otherwise = 'natural',
): { readonly name: string; readonly options: RawConfig; readonly own: boolean } {
  const own = connector[key] !== undefined;
  const from = own ? connector : worker;
  return { name: (from[key] ?? otherwise).trim(), options: withoutPrefix(from, `${key}.`), own };
}

/** Converters that people know and look for, which are none of ours. */
const refusals: Readonly<Record<string, string>> = {
  ProtobufConverter: 'Protobuf is not written here: AvroConverter and JsonConverter are',
};

function unknown(key: string, name: string, classes: readonly ConverterClass[]): TributaryError {
  const known = classes.flatMap(({ className, shortName }) => [className, className.replace(/.*\./, ''), shortName]);
  const reason = refusals[name.replace(/.*\./, '')];
  return new TributaryError(
    'CONFIG_INVALID',
    `Invalid value ${name} for configuration ${key}: Class ${name} could not be found.` +
      (reason === undefined ? suggest(name, known) : ` ${reason}`),
  );
}
