/**
 * A broker that need not be there yet: until it is, every call says that it cannot be reached, and it is tried again and
 * again. For who can do without for a while; a wrong password and the like are told at once.
 */

import { sleep } from '../base/abort.ts';
import { backoffMs } from '../base/backoff.ts';
import { describeError, isError, TributaryError } from '../base/errors.ts';
import type { Broker, FetchedRecords, ReadOptions } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';

const policy = { baseMs: 500, maxMs: 5000, jitter: 0.2 };

/** The broker itself where it is there. `address`: for messages, until then. */
export async function openBrokerNowOrLater(open: () => Promise<Broker>, address: string, log: Log): Promise<Broker> {
  try {
    return await open();
  } catch (error) {
    if (!isError(error, 'BROKER_UNAVAILABLE')) throw error;
    log.warn('broker_unreachable', { address, reason: describeError(error) });
    return new LaterBroker(open, address, log);
  }
}

class LaterBroker implements Broker {
  readonly kind = 'kafka';
  readonly address: string;
  readonly #stop = new AbortController();
  readonly #opening: Promise<void>;
  #broker: Broker | undefined;

  constructor(open: () => Promise<Broker>, address: string, log: Log) {
    this.address = address;
    this.#opening = this.#try(open, log);
  }

  clusterId: Broker['clusterId'] = async (...call) => this.#now().clusterId(...call);
  createTopic: Broker['createTopic'] = async (...call) => this.#now().createTopic(...call);
  listTopics: Broker['listTopics'] = async (...call) => this.#now().listTopics(...call);
  describeTopic: Broker['describeTopic'] = async (...call) => this.#now().describeTopic(...call);
  alterTopicConfig: Broker['alterTopicConfig'] = async (...call) => this.#now().alterTopicConfig(...call);
  addPartitions: Broker['addPartitions'] = async (...call) => this.#now().addPartitions(...call);
  deleteTopic: Broker['deleteTopic'] = async (...call) => this.#now().deleteTopic(...call);
  deleteRecords: Broker['deleteRecords'] = async (...call) => this.#now().deleteRecords(...call);
  offset: Broker['offset'] = async (...call) => this.#now().offset(...call);
  producer: Broker['producer'] = async (...call) => this.#now().producer(...call);
  group: Broker['group'] = async (...call) => this.#now().group(...call);
  committedOffsets: Broker['committedOffsets'] = async (...call) => this.#now().committedOffsets(...call);
  setCommittedOffsets: Broker['setCommittedOffsets'] = async (...call) => this.#now().setCommittedOffsets(...call);
  deleteGroup: Broker['deleteGroup'] = async (...call) => this.#now().deleteGroup(...call);

  async *read(options: ReadOptions): AsyncGenerator<FetchedRecords> {
    yield* this.#now().read(options);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.#broker?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #now(): Broker {
    if (this.#broker !== undefined) return this.#broker;
    if (this.#stop.signal.aborted) throw new TributaryError('BROKER_CLOSED', `The broker ${this.address} is closed`);
    throw new TributaryError('BROKER_UNAVAILABLE', `Cannot reach ${this.address}: it was not there yet`, {
      retriable: true,
    });
  }

  async #try(open: () => Promise<Broker>, log: Log): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 1; !signal.aborted && this.#broker === undefined; attempt++) {
      await sleep(backoffMs(attempt, policy, Math.random), signal);
      if (signal.aborted) return;
      try {
        this.#broker = await open();
        log.info('broker_reached', { address: this.address });
      } catch (error) {
        log.warn('broker_unreachable', { address: this.address, reason: describeError(error) });
      }
    }
  }
}
