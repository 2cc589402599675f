/** What a connector's configuration says about records that fail: `errors.*`, as Kafka Connect defines it. */
import { define, parse } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import { deadLetterOptions, errorOptions } from './framework-config.ts';

export interface ErrorPolicy {
  /** `all`: a record that fails is counted, logged and passed over. `none`: it fails the task. */
  readonly tolerance: 'none' | 'all';
  /** For how long a step that may succeed later is tried again; 0 never, Infinity for ever. */
  readonly retryTimeoutMs: number;
  readonly retryDelayMaxMs: number;
  /** Each tolerated failure in the log, at a bounded rate. */
  readonly logsEach: boolean;
  /** With the record in it. */
  readonly logsRecords: boolean;
  readonly deadLetters: DeadLetterTopic | undefined;
}

export interface DeadLetterTopic {
  readonly topic: string;
  /** Undefined: the broker's own. */
  readonly replicationFactor: number | undefined;
  readonly withHeaders: boolean;
}

const errorsConfig = define({ ...errorOptions.options, ...deadLetterOptions.options });
const factorKey = 'errors.deadletterqueue.topic.replication.factor';

/**
 * CONFIG_INVALID for a value that cannot be parsed. Kafka Connect's default for the replication factor of the dead-letter
 * topic is 3, which its forms show and which fails on a single broker: where nothing is written, the broker's own counts.
 */
export function errorPolicyOf(config: RawConfig): ErrorPolicy {
  const values = parse(errorsConfig, config);
  const timeoutMs = values['errors.retry.timeout'];
  const topic = values['errors.deadletterqueue.topic.name'];
  const factor = config[factorKey] === undefined ? undefined : values[factorKey];
  return {
    tolerance: values['errors.tolerance'] === 'all' ? 'all' : 'none',
    retryTimeoutMs: timeoutMs === -1 ? Number.POSITIVE_INFINITY : timeoutMs,
    retryDelayMaxMs: values['errors.retry.delay.max.ms'],
    logsEach: values['errors.log.enable'],
    logsRecords: values['errors.log.include.messages'],
    deadLetters:
      topic === ''
        ? undefined
        : {
            topic,
            replicationFactor: factor === -1 ? undefined : factor,
            withHeaders: values['errors.deadletterqueue.context.headers.enable'],
          },
  };
}
