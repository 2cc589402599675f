/** The framework's options with what depends on the worker and on the connector: defaults, versions, values to offer. */
import { type AnyOption, type ConfigDef, define, type RawConfigWithNulls } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import { findConverter } from '../convert/converters.ts';
import { connectVersion } from '../transform/transform.ts';
import { offeredConverters, offeredHeaderConverters, simpleHeaderConverterClass } from './converter-options.ts';
import { isConverter, isHeaderConverter } from './converter-selection.ts';
import { connectorCommon, restartOptions, sinkOptions, sourceOptions } from './framework-config.ts';

export interface FrameworkContext {
  /** The worker's own converters, with their options. */
  readonly converters?: RawConfig;
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
    const default_ = longName(context.converters?.[key] ?? fallback);
    const offered = kind === 'header' ? offeredHeaderConverters : offeredConverters;
    changed[key] = { ...options[key], default: default_, recommend: () => offered };
    const chosen = raw[key] ?? default_;
    const known = kind === 'header' ? isHeaderConverter(chosen.trim()) : isConverter(chosen.trim());
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
    return define({ ...common.options, ...restartOptions.options, ...sourceOptions.options });
  }
  return define({ ...common.options, ...sinkOptions.options, ...restartOptions.options });
}

const converterKinds = ['key', 'value', 'header'] as const;

function withVersions(option: AnyOption, versions: readonly string[]): AnyOption {
  return { ...option, default: versions[0] ?? null, recommend: () => versions };
}

function longName(converter: string): string {
  return findConverter(converter.trim())?.className ?? converter;
}
