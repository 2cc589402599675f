/** Options that the worker reads in every source connector's configuration, in the order and groups of Kafka Connect. */
import { type ConfigDef, define } from '../config/config-def.ts';
import { boolean, className, int, long, oneOf, range, string } from '../config/option.ts';
import { aliasOptions } from '../transform/chain-config.ts';
import { isConverter, isHeaderConverter } from './converter-selection.ts';

const common = 'Common';
const errors = 'Error Handling';

export const frameworkConfig = define({
  name: string({
    doc: 'Name of the connector, unique on this worker',
    importance: 'high',
    group: common,
    order: 1,
    width: 'medium',
    displayName: 'Connector name',
    validate: (value) => {
      if (value === null || value.trim() === '') return 'String may not be empty';
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
      return /[\u0000-\u001f\u007f]/.test(value) ? 'name may not contain control characters' : undefined;
    },
  }),
  'connector.class': string({
    doc: 'Connector to run: its short name (websocket), or the class name of the Kafka Connect connector it stands for',
    importance: 'high',
    group: common,
    order: 2,
    width: 'long',
    displayName: 'Connector class',
  }),
  'tasks.max': int({
    default: 1,
    min: 1,
    doc: 'Tasks that the connector may run at most',
    importance: 'high',
    group: common,
    order: 4,
    width: 'short',
    displayName: 'Tasks max',
  }),
  'tasks.max.enforce': boolean({
    default: true,
    doc: 'Whether a connector that makes more tasks than tasks.max fails',
    importance: 'low',
    group: common,
    order: 5,
    width: 'short',
    displayName: 'Enforce tasks max',
  }),
  'key.converter': converterOption(6, 'Key converter class', "Converter of keys. Without it the worker's own is used"),
  'value.converter': converterOption(
    8,
    'Value converter class',
    "Converter of values. Without it the worker's own is used",
  ),
  'header.converter': converterOption(
    10,
    'Header converter class',
    "Converter of headers. Without it the worker's own is used",
  ),
  ...aliasOptions.options,
  'config.action.reload': string({
    default: 'restart',
    doc: 'What happens when a value of a configuration provider changes: none, or restart',
    validate: oneOf(['NONE', 'RESTART'], { ignoreCase: true }),
    importance: 'low',
    group: common,
    order: 14,
    width: 'medium',
    displayName: 'Reload Action',
  }),
  'errors.retry.timeout': long({
    default: 0,
    doc: 'Milliseconds for which a failed step on a record is tried again; 0 never, -1 for ever',
    group: errors,
    order: 1,
    width: 'medium',
    displayName: 'Retry Timeout for Errors',
  }),
  'errors.retry.delay.max.ms': long({
    default: 60_000,
    doc: 'Longest pause between two tries on a record, in milliseconds',
    group: errors,
    order: 2,
    width: 'medium',
    displayName: 'Maximum Delay Between Retries for Errors',
  }),
  'errors.tolerance': string({
    default: 'none',
    doc: 'none: a record that cannot be converted or stored fails the task. all: it is counted, logged and skipped',
    validate: oneOf(['none', 'all']),
    group: errors,
    order: 3,
    width: 'short',
    displayName: 'Error Tolerance',
  }),
  'errors.log.enable': boolean({
    default: false,
    doc: 'Whether each tolerated error is logged',
    group: errors,
    order: 4,
    width: 'short',
    displayName: 'Log Errors',
  }),
  'errors.restart.enabled': boolean({
    default: true,
    doc: 'Whether a failed task is started again by itself',
    importance: 'low',
  }),
  'errors.restart.delay.ms': long({
    default: 60_000,
    validate: range(1, undefined),
    doc: 'Pause before a failed task is started again; it doubles with each failure in a row',
    importance: 'low',
  }),
  'errors.restart.delay.max.ms': long({
    default: 600_000,
    validate: range(1, undefined),
    doc: 'Longest pause before a failed task is started again',
    importance: 'low',
  }),
});

/** Keys that belong to the framework by their beginning. */
export const frameworkPrefixes: readonly string[] = [
  'key.converter.',
  'value.converter.',
  'header.converter.',
  'producer.override.',
  'consumer.override.',
  'admin.override.',
  'transforms.',
  'predicates.',
  'topic.creation.',
  'errors.deadletterqueue.',
];

/** A connector's own options behind the framework's. */
export function connectorOptions(connector: ConfigDef): ConfigDef {
  const own = Object.entries(connector.options).filter(([name]) => !(name in frameworkConfig.options));
  return { options: { ...frameworkConfig.options, ...Object.fromEntries(own) } };
}

function converterOption(order: number, displayName: string, doc: string) {
  return className({
    default: null,
    doc,
    importance: 'low',
    group: common,
    order,
    width: 'short',
    displayName,
    validate: (value) =>
      value === null || isConverter(value) || isHeaderConverter(value)
        ? undefined
        : `Class ${value} could not be found.`,
  });
}
