/** What a connector's configuration says about records that fail: `errors.*`, as Kafka Connect defines it. */
import { define, parse } from '../config/config-def.ts';
import { boolean, int, long, oneOf, string } from '../config/option.ts';
import type { RawConfig } from '../config/raw.ts';

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

export const errorsConfig = define({
  'errors.tolerance': string({ default: 'none', validate: oneOf(['none', 'all']), doc: 'What a failed record does' }),
  'errors.retry.timeout': long({ default: 0, doc: 'Milliseconds; -1 for ever' }),
  'errors.retry.delay.max.ms': long({ default: 60_000, doc: 'Longest pause between two tries' }),
  'errors.log.enable': boolean({ default: false, doc: 'Log each failure' }),
  'errors.log.include.messages': boolean({ default: false, doc: 'Log the record with it' }),
  'errors.deadletterqueue.topic.name': string({ default: '', doc: 'Topic for records that failed' }),
  'errors.deadletterqueue.topic.replication.factor': int({ default: null, doc: 'Of that topic' }),
  'errors.deadletterqueue.context.headers.enable': boolean({ default: false, doc: 'Tell in headers what failed' }),
});

/**
 * CONFIG_INVALID for a value that cannot be parsed. Kafka Connect's default for the replication factor of the dead-letter
 * topic is 3, which fails on a single broker; here it is the broker's own default.
 */
export function errorPolicyOf(config: RawConfig): ErrorPolicy {
  const values = parse(errorsConfig, config);
  const timeoutMs = values['errors.retry.timeout'];
  const topic = values['errors.deadletterqueue.topic.name'];
  const factor = values['errors.deadletterqueue.topic.replication.factor'];
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
            replicationFactor: factor === null || factor === -1 ? undefined : factor,
            withHeaders: values['errors.deadletterqueue.context.headers.enable'],
          },
  };
}
