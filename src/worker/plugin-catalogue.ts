/** Everything that a configuration may name: connectors, transforms, predicates, converters. */
import type { Options } from '../config/config-def.ts';
import { type ConfigKeyInfo, configKeyInfo } from '../config/config-infos.ts';
import type { Connector } from '../connectors/contract.ts';
import { converterClasses } from '../convert/converters.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import { connectVersion } from '../transform/transform.ts';
import { converterOptionsOf, simpleHeaderConverterClass } from './converter-options.ts';
import { connectorCommon, deadLetterOptions, restartOptions, sinkOptions, sourceOptions } from './framework-config.ts';
import { namesOf } from './plugins.ts';
import { spoolOptions } from './spool/spool-options.ts';
import type { ValidationContext } from './validation.ts';

export interface Plugin {
  readonly className: string;
  readonly kind: 'source' | 'sink' | 'transformation' | 'predicate' | 'converter' | 'header_converter';
  readonly version: string;
  readonly options: Options;
  /** Every name it answers to. */
  readonly names: readonly string[];
}

export function pluginsOf(context: ValidationContext): readonly Plugin[] {
  const { transforms, predicates } = context.transforms ?? builtInTransforms;
  return [
    ...context.connectors.map((connector): Plugin => {
      const { kind, name, classNames, version } = connector;
      const options = optionsOf(connector);
      return { className: classNames[0] ?? name, kind, version, options, names: namesOf(connector) };
    }),
    ...[...transforms, ...predicates].map(
      ({ className, kind, version, config }): Plugin => plugin(className, kind, version, config.options),
    ),
    ...(['converter', 'header_converter'] as const).flatMap((kind) =>
      (context.converterClasses ?? converterClasses).map((converter) =>
        plugin(converter.className, kind, connectVersion, converterOptionsOf(converter)),
      ),
    ),
    plugin(simpleHeaderConverterClass, 'header_converter', connectVersion, {}),
  ];
}

/** Definitions of a plugin's options, in the order of their declaration; undefined where nothing has that name. */
export function pluginOptions(name: string, context: ValidationContext): readonly ConfigKeyInfo[] | undefined {
  const found = pluginsOf(context).find(({ names }) => names.includes(name));
  return found && Object.entries(found.options).map(([key, option]) => configKeyInfo(key, option));
}

/** A connector's own options, then those that all connectors have, as Kafka Connect shows them. */
function optionsOf({ kind, version, config }: Connector): Options {
  const framework = {
    ...connectorCommon.options,
    'connector.plugin.version': { ...connectorCommon.options['connector.plugin.version'], default: version },
    ...restartOptions.options,
    ...(kind === 'source'
      ? { ...spoolOptions.options, ...sourceOptions.options, ...deadLetterOptions.options }
      : sinkOptions.options),
  };
  return { ...config.options, ...framework };
}

function plugin(className: string, kind: Plugin['kind'], version: string, options: Options): Plugin {
  const simple = className.slice(className.lastIndexOf('.') + 1);
  return { className, kind, version, options, names: [className, simple] };
}
