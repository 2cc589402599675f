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
    return retriedBroker(open, address, log);
  }
}

function retriedBroker(open: () => Promise<Broker>, address: string, log: Log): Broker {
  const stop = new AbortController();
  const broker = new LaterBroker(address, async () => {
    stop.abort();
    await trying;
  });
  const trying = tryAgain(broker, open, log, stop.signal);
  return broker;
}

async function tryAgain(
  broker: LaterBroker,
  open: () => Promise<Broker>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    await sleep(backoffMs(attempt, policy, Math.random), signal);
    if (signal.aborted) return;
    try {
      broker.attach(await open());
      log.info('broker_reached', { address: broker.address });
      return;
    } catch (error) {
      log.warn('broker_unreachable', { address: broker.address, reason: describeError(error) });
    }
  }
}

/** Stands for a Kafka that somebody else goes on trying to reach. */
export class LaterBroker implements Broker {
  readonly kind = 'kafka';
  readonly address: string;
  readonly #beforeClose: () => Promise<void>;
  #broker: Broker | undefined;
  #isClosed = false;

  /** `beforeClose` ends the trying. */
  constructor(address: string, beforeClose: () => Promise<void> = async () => {}) {
    this.address = address;
    this.#beforeClose = beforeClose;
  }

  get isThere(): boolean {
    return this.#broker !== undefined;
  }

  /** From now on all calls go there; it is closed with this one. */
  attach(broker: Broker): void {
    this.#broker = broker;
    if (this.#isClosed) void broker.close();
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
    this.#isClosed = true;
    await this.#beforeClose();
    await this.#broker?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #now(): Broker {
    if (this.#broker !== undefined) return this.#broker;
    if (this.#isClosed) throw new TributaryError('BROKER_CLOSED', `The broker ${this.address} is closed`);
    throw new TributaryError('BROKER_UNAVAILABLE', `Cannot reach ${this.address}: it was not there yet`, {
      retriable: true,
    });
  }
}
