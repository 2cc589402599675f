/** The framework's options with what depends on the worker and on the connector: defaults, versions, values to offer. */
import { type AnyOption, type ConfigDef, define, type RawConfigWithNulls } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import { type ConverterClass, findConverter } from '../convert/converters.ts';
import { connectVersion } from '../transform/transform.ts';
import { offeredConverters, offeredHeaderConverters, simpleHeaderConverterClass } from './converter-options.ts';
import { isConverter, isHeaderConverter } from './converter-selection.ts';
import { connectorCommon, deadLetterOptions, restartOptions, sinkOptions, sourceOptions } from './framework-config.ts';
import { spoolOptions } from './spool/spool-options.ts';

export interface FrameworkContext {
  /** The worker's own converters, with their options. */
  readonly converters?: RawConfig;
  /** Converters that there are. Default: those that are built in. */
  readonly converterClasses?: readonly ConverterClass[];
}

/** What every kind of connector has; its version is left open where no connector can be told. */
export function commonDefinition(
  raw: RawConfigWithNulls,
  context: FrameworkContext,
  versions: readonly string[],
): ConfigDef {
  const { options } = connectorCommon;
  const changed: Record<string, AnyOption> = {
    'connector.plugin.version': withVersions(options['connector.plugin.version'], versions),
  };
  for (const kind of converterKinds) {
    const key = `${kind}.converter` as const;
    const fallback = kind === 'header' ? simpleHeaderConverterClass : 'natural';
    const classes = context.converterClasses;
    const default_ = longName(context.converters?.[key] ?? fallback, classes);
    const offered = kind === 'header' ? offeredHeaderConverters(classes) : offeredConverters(classes);
    const isKnown = (name: string): boolean =>
      kind === 'header' ? isHeaderConverter(name, classes) : isConverter(name, classes);
    changed[key] = {
      ...options[key],
      default: default_,
      recommend: () => offered,
      validate: (value: string | null) =>
        value === null || isKnown(value) ? undefined : `Class ${value} could not be found.`,
    };
    const chosen = raw[key] ?? default_;
    const known = isKnown(chosen.trim());
    const version = `${key}.plugin.version` as const;
    changed[version] = withVersions(options[version], known ? [connectVersion] : []);
  }
  return { options: { ...options, ...changed } };
}

export function frameworkDefinition(
  connector: Connector,
  raw: RawConfigWithNulls,
  context: FrameworkContext,
): ConfigDef {
  const common = commonDefinition(raw, context, [connector.version]);
  if (connector.kind === 'source') {
    return define({
      ...common.options,
      ...restartOptions.options,
      ...spoolOptions.options,
      ...sourceOptions.options,
      ...deadLetterOptions.options,
    });
  }
  return define({ ...common.options, ...sinkOptions.options, ...restartOptions.options });
}

const converterKinds = ['key', 'value', 'header'] as const;

function withVersions(option: AnyOption, versions: readonly string[]): AnyOption {
  return { ...option, default: versions[0] ?? null, recommend: () => versions };
}

function longName(converter: string, classes: readonly ConverterClass[] | undefined): string {
  return findConverter(converter.trim(), classes)?.className ?? converter;
}
