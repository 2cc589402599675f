/** Options that the worker reads in every connector's configuration, in the order and groups of Kafka Connect. */
import { type ConfigDef, define } from '../config/config-def.ts';
import { checkJavaPattern } from '../config/java-pattern/java-pattern.ts';
import { boolean, className, int, list, long, oneOf, range, short, string } from '../config/option.ts';
import { aliasOptions } from '../transform/chain-config.ts';
import { spoolOptions } from './spool/spool-options.ts';

const common = 'Common';
const errors = 'Error Handling';
const exactlyOnce = 'Exactly Once Support';

const common1 = define({
  name: string({
    doc: 'Name of the connector, unique on this worker',
    importance: 'high',
    group: common,
    order: 1,
    width: 'medium',
    displayName: 'Connector name',
    validate: connectorName,
  }),
  'connector.class': string({
    doc: 'Connector to run: its short name (websocket), or the class name of the Kafka Connect connector it stands for',
    importance: 'high',
    group: common,
    order: 2,
    width: 'long',
    displayName: 'Connector class',
  }),
  'connector.plugin.version': versionOption(3, 'Connector version', 'medium', 'the connector'),
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
  'key.converter': converterOption(6, 'Key converter class', 'keys'),
  'key.converter.plugin.version': versionOption(7, 'Key converter version', 'low', 'the key converter'),
  'value.converter': converterOption(8, 'Value converter class', 'values'),
  'value.converter.plugin.version': versionOption(9, 'Value converter version', 'low', 'the value converter'),
  'header.converter': converterOption(10, 'Header converter class', 'headers'),
  'header.converter.plugin.version': versionOption(11, 'Header converter version', 'low', 'the header converter'),
});

/** What happens to a record that fails; `error-policy.ts` reads it. */
export const errorOptions = define({
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
  'errors.log.include.messages': boolean({
    default: false,
    doc: 'Whether the log of an error also says where the record came from and where it should go',
    group: errors,
    order: 5,
    width: 'short',
    displayName: 'Log Error Details',
  }),
});

/** What every connector has, of whatever kind. */
export const connectorCommon = define({
  ...common1.options,
  ...aliasOptions.options,
  'config.action.reload': string({
    default: 'restart',
    doc: 'What happens when something else stands behind a reference: `restart`: tasks go on by it within seconds, without a restart where they can; `none`: at their next start',
    validate: oneOf(['none', 'restart']),
    importance: 'low',
    group: common,
    order: 14,
    width: 'medium',
    displayName: 'Reload Action',
  }),
  ...errorOptions.options,
});

/** Our own, beside those of Kafka Connect. */
export const restartOptions = define({
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

/** Where a transaction ends; `transaction-boundary.ts` reads it. */
export const transactionOptions = define({
  'transaction.boundary': string({
    default: 'poll',
    doc: 'Where a transaction ends: poll (with each batch), interval (after a time), connector (where the source says)',
    validate: oneOf(['INTERVAL', 'POLL', 'CONNECTOR'], { ignoreCase: true }),
    group: exactlyOnce,
    order: 3,
    width: 'short',
    displayName: 'Transaction Boundary',
  }),
  'transaction.boundary.interval.ms': long({
    default: null,
    doc: "Milliseconds between the ends of transactions with transaction.boundary=interval; the offsets' interval if none",
    validate: (value) => (value !== null && value < 0 ? 'Value must be at least 0' : undefined),
    importance: 'low',
    group: exactlyOnce,
    order: 4,
    width: 'short',
    displayName: 'Transaction boundary interval',
  }),
});

export const sourceOptions = define({
  'topic.creation.groups': list({
    default: [],
    doc: 'Names of groups of topics whose settings "topic.creation.<group>.…" gives when they are made',
    importance: 'low',
    group: 'Topic Creation',
    order: 1,
    width: 'long',
    displayName: 'Topic Creation Groups',
    validate: (value) =>
      value !== null && new Set(value).size !== value.length ? 'Duplicate alias provided.' : undefined,
  }),
  'exactly.once.support': string({
    default: 'requested',
    doc: 'required: the connector is refused unless it can give each record exactly once. requested: that is not checked',
    validate: oneOf(['REQUIRED', 'REQUESTED'], { ignoreCase: true }),
    group: exactlyOnce,
    order: 2,
    width: 'short',
    displayName: 'Exactly once support',
  }),
  ...transactionOptions.options,
  'offsets.storage.topic': string({
    default: null,
    doc: "Topic for this connector's source offsets, in place of the worker's",
    validate: (value) => (value !== null && value.trim() === '' ? 'String must be non-empty' : undefined),
    importance: 'low',
    group: 'offsets.topic',
    order: 1,
    width: 'long',
    displayName: 'Offsets topic',
  }),
});

/**
 * Dead letters. Kafka Connect knows these keys in sinks only; here they are for sources, too, where they stand behind the
 * keys that Connect has, and are read when a task starts.
 */
export const deadLetterOptions = define({
  'errors.deadletterqueue.topic.name': string({
    default: '',
    doc: 'Topic for records that could not be handled; empty: there is none',
    group: errors,
    order: 6,
    width: 'medium',
    displayName: 'Dead Letter Queue Topic Name',
  }),
  'errors.deadletterqueue.topic.replication.factor': short({
    default: 3,
    doc: "Replication factor of that topic where it has to be made. Without this key, and with -1, the broker's own counts",
    group: errors,
    order: 7,
    width: 'medium',
    displayName: 'Dead Letter Queue Topic Replication Factor',
  }),
  'errors.deadletterqueue.context.headers.enable': boolean({
    default: false,
    doc: 'Whether headers tell where a dead letter came from and why it is one',
    group: errors,
    order: 8,
    width: 'medium',
    displayName: 'Enable Error Context Headers',
  }),
});

export const sinkOptions = define({
  topics: list({
    default: [],
    doc: 'Topics to read',
    importance: 'high',
    group: common,
    order: 4,
    width: 'long',
    displayName: 'Topics',
  }),
  'topics.regex': string({
    default: '',
    doc: 'Regular expression of the topics to read, in place of a list',
    importance: 'high',
    group: common,
    order: 4,
    width: 'long',
    displayName: 'Topics regex',
    validate: (value) => (value === null ? undefined : checkJavaPattern(value) && 'Invalid regex'),
  }),
  ...deadLetterOptions.options,
});

/** All that the worker itself reads of a source. */
export const frameworkConfig = define({
  ...connectorCommon.options,
  ...restartOptions.options,
  ...spoolOptions.options,
  ...sourceOptions.options,
  ...deadLetterOptions.options,
});

/** A connector's own options behind the framework's. */
export function connectorOptions(connector: ConfigDef): ConfigDef {
  const own = Object.entries(connector.options).filter(([name]) => !(name in frameworkConfig.options));
  return { options: { ...frameworkConfig.options, ...Object.fromEntries(own) } };
}

function connectorName(value: string | null): string | undefined {
  if (value === null) return undefined; // missing is an error already
  if (value === '') return 'String may not be empty';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  const found = [...new Set(value.match(/[\u0000-\u001f\u007f]/g) ?? [])];
  return found.length === 0
    ? undefined
    : `String may not contain control sequences but had the following ASCII chars: ${found
        .map((char) => (char.codePointAt(0) ?? 0).toString(16).padStart(2, '0'))
        .join(', ')}`;
}

/** Which classes there are depends on the worker: `framework-values.ts` checks that. */
function converterOption(order: number, displayName: string, what: string) {
  return className({
    default: null,
    doc: `Converter of ${what}. Without it the worker's own is used, with the worker's options`,
    importance: 'low',
    group: common,
    order,
    width: 'short',
    displayName,
  });
}

function versionOption(order: number, displayName: string, importance: 'low' | 'medium', what: string) {
  return string({
    default: null,
    doc: `Version of ${what} that is wanted, or a range of versions: [1.0,2.0). There is one of each`,
    importance,
    group: common,
    order,
    width: importance === 'medium' ? 'medium' : 'short',
    displayName,
  });
}
