/**
 * Configurations of connectors, checked as Kafka Connect checks them: which options there are, in which order, and in the
 * words that its clients know.
 */
import { TributaryError } from '../base/errors.ts';
import { type RawConfig, type RawConfigWithNulls, validate } from '../config/config-def.ts';
import { type ConfigInfos, configInfos, type ShownValue } from '../config/config-infos.ts';
import { wrongVersion } from '../config/plugin-version.ts';
import type { Connector } from '../connectors/contract.ts';
import { type ConverterClass, converterClasses } from '../convert/converters.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import { validateChain } from '../transform/chain-config.ts';
import type { TransformCatalogue } from '../transform/transform.ts';
import { clientOverrides } from './client-options.ts';
import { converterValues, converterVersionErrors } from './converter-options.ts';
import { exactlyOnceErrors } from './exactly-once-check.ts';
import { deadLetterOptions } from './framework-config.ts';
import { commonDefinition, frameworkDefinition } from './framework-values.ts';
import { findConnector } from './plugins.ts';
import { sinkErrors } from './sink-check.ts';

export interface ValidationContext {
  readonly connectors: readonly Connector[];
  readonly converters?: RawConfig;
  readonly transforms?: TransformCatalogue;
  /** Default: those that are built in. */
  readonly converterClasses?: readonly ConverterClass[];
  /** Whether the worker gives sources exactly-once delivery. */
  readonly exactlyOnceSources?: boolean;
}

/**
 * Every option with its value and what is wrong with it. `shown` is what was written, for texts; `config` is the same with
 * references resolved. CONFIG_INVALID where no connector is named, or one that there is not; INVALID_CONFIG where an
 * override of a client cannot be parsed.
 */
export function connectorValues(
  shown: RawConfigWithNulls,
  config: RawConfigWithNulls,
  context: ValidationContext,
): readonly ShownValue[] {
  const className = config['connector.class'];
  if (className === undefined || className === null) {
    throw new TributaryError('CONFIG_INVALID', `Connector config ${javaMap(shown)} contains no connector type`);
  }
  const connector = findConnector(context.connectors, className, shown['connector.class'] ?? className);
  const plugin = connector.classNames[0] ?? connector.name;
  const problem = wrongVersion(plugin, connector.version, config['connector.plugin.version']);
  if (problem !== undefined) return valuesOfWrongVersion(config, context, connector, problem);

  const framework = frameworkDefinition(connector, config, context);
  const own = Object.entries(connector.config.options).filter(([name]) => !(name in framework.options));
  const ownDefinition = { options: Object.fromEntries(own) };
  const otherClasses = [
    ...(context.converterClasses ?? converterClasses).map((converter) => converter.className),
    ...context.connectors.flatMap(({ classNames }) => classNames),
  ];
  const checked = [
    ...withMoreErrors(validate(framework, config), {
      ...exactlyOnceErrors(connector, config, context.exactlyOnceSources ?? false),
      ...sinkErrors(connector, config),
      ...converterVersionErrors(config),
    }),
    ...validateChain(config, context.transforms ?? builtInTransforms, otherClasses),
  ]
    .map((value) => (passesOver(connector, value) ? { ...value, errors: [] } : value))
    .map((value) => visibleVersion(withoutWrongClass(value), config));
  return [
    ...withoutDefinition(config, [...checked.map(({ name }) => name), ...Object.keys(ownDefinition.options)]),
    ...checked.map((value) => (value.name in config && config[value.name] === null ? withNullError(value) : value)),
    ...validate(ownDefinition, config),
    ...overrides(connector, config),
    ...converterValues(config, context.converterClasses),
  ];
}

/** The answer of `PUT /connector-plugins/{p}/config/validate`, under the name that the configuration gives. */
export function validationAnswer(className: string, values: readonly ShownValue[]): ConfigInfos {
  return configInfos(className, values);
}

/**
 * The values of a configuration; throws CONFIG_INVALID with every problem of it. What a reference stands for is in no text: else whoever may
 * send a configuration could read every secret by sending a wrong one.
 */
export function checkConnectorConfig(
  name: string,
  raw: RawConfigWithNulls,
  config: RawConfigWithNulls,
  context: ValidationContext,
): readonly ShownValue[] {
  const values = connectorValues({ name, ...raw }, config, context);
  const errors = values.flatMap((value) =>
    value.errors.length > 0 && raw[value.name] !== config[value.name]
      ? [`Invalid value ${raw[value.name]} for configuration ${value.name}: what it refers to is not valid`]
      : value.errors,
  );
  if (errors.length === 0) return values;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Connector configuration is invalid and contains the following ${errors.length} error(s):\n${errors.join('\n')}\n` +
      'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  );
}

/** A version that is not the one there is: Connect then looks at nothing but what all connectors have. */
function valuesOfWrongVersion(
  config: RawConfigWithNulls,
  context: ValidationContext,
  connector: Connector,
  problem: string,
): readonly ShownValue[] {
  const values = validate(commonDefinition(config, context, [connector.version]), config);
  return withMoreErrors(values, { 'connector.class': [problem], 'connector.plugin.version': [problem] });
}

/** Kafka Connect takes dead-letter keys of a source whatever they hold: what is wrong with one fails the task's start. */
function passesOver(connector: Connector, { name }: ShownValue): boolean {
  return connector.kind === 'source' && name in deadLetterOptions.options;
}

function withMoreErrors(
  values: readonly ShownValue[],
  more: Readonly<Record<string, readonly string[]>>,
): readonly ShownValue[] {
  return values.map((value) => {
    const added = more[value.name];
    return added === undefined ? value : { ...value, errors: [...value.errors, ...added] };
  });
}

const nullValue = 'Null value can not be supplied as the configuration value.';

/** A connector's own options may be null, as Connect has it; the framework's may not, nor a key that nothing reads. */
function withNullError(value: ShownValue): ShownValue {
  return { ...value, errors: [...value.errors, nullValue] };
}

function withoutDefinition(config: RawConfigWithNulls, known: readonly string[]): ShownValue[] {
  return Object.keys(config)
    .filter((name) => config[name] === null && !known.includes(name))
    .map((name) => ({ name, option: null, value: null, errors: [nullValue] }));
}

/** A class that there is not has no value, as Java has it. */
function withoutWrongClass(value: ShownValue): ShownValue {
  const isConverter = /^(key|value|header)\.converter$/.test(value.name);
  return isConverter && value.errors.length > 0 ? { ...value, value: null } : value;
}

/** Versions of a converter that is not there are nothing to choose from. */
function visibleVersion(value: ShownValue, config: RawConfigWithNulls): ShownValue {
  const isVersion = /^(key|value|header)\.converter\.plugin\.version$/.test(value.name);
  return isVersion && value.option?.recommend?.(config).length === 0 ? { ...value, visible: false } : value;
}

function overrides(connector: Connector, config: RawConfigWithNulls): ShownValue[] {
  const hasKey = (start: string): boolean => Object.keys(config).some((key) => key.startsWith(start));
  const hasDeadLetters = (config['errors.deadletterqueue.topic.name'] ?? '').trim() !== '';
  if (connector.kind === 'source') {
    return [
      ...clientOverrides('producer', config),
      ...(hasKey('topic.creation.') ? clientOverrides('admin', config) : []),
    ];
  }
  return [
    ...(hasDeadLetters ? clientOverrides('producer', config) : []),
    ...clientOverrides('consumer', config),
    ...(hasDeadLetters ? clientOverrides('admin', config) : []),
  ];
}

/** As Java prints a map. Values that may be secrets are hidden: no definition says which of them are. */
function javaMap(config: RawConfigWithNulls): string {
  const entries = Object.entries(config).map(
    ([key, value]) => `${key}=${value !== null && secretKey.test(key) ? '[hidden]' : value}`,
  );
  return `{${entries.join(', ')}}`;
}

const secretKey = /passw|secret|token|credential|auth|(^|[._-])key$|headers?($|\.)/i;
