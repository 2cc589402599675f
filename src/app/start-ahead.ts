/** A worker whose Kafka is not there yet, or was not heard yet: when it begins all the same, and how it takes up the rest. */
import { sleep } from '../base/abort.ts';
import { backoffMs } from '../base/backoff.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';
import type { KnownWork } from '../worker/spool/known-work.ts';
import type { Worker } from '../worker/worker.ts';
import type { LaterBroker } from './broker-later.ts';
import type { AppConfig } from './config/app-config.ts';
import type { OpenSpoolSource } from './spool-source.ts';

/** Whether it may begin once it is found out that Kafka cannot be reached. `known`: what it kept when it last heard from it. */
export function beginsWithoutKafka({ worker }: AppConfig, known: KnownWork | undefined): boolean {
  const { startWithoutKafka, brokerWaitMs, share } = worker;
  if (startWithoutKafka === 'false' || (startWithoutKafka === 'auto' && brokerWaitMs !== undefined)) return false;
  if (share === undefined) return true;
  if (known === undefined || known.group.hasLeft) return false;
  return startWithoutKafka === 'true' || known.group.members === 1;
}

/**
 * Whether it begins before Kafka was even asked: nobody shares its work, and it knows what it was. Without that knowledge a
 * connector of its file may be one that somebody has paused.
 */
export function beginsAtOnce(config: AppConfig, known: KnownWork | undefined): boolean {
  return config.worker.share === undefined && known !== undefined && beginsWithoutKafka(config, known);
}

/** What a worker of this group kept in this folder. A spool that cannot be read fails those who want it later. BROKER_LOCKED. */
export async function workKnownHere(
  { worker }: AppConfig,
  spool: OpenSpoolSource | undefined,
  log: Log,
): Promise<KnownWork | undefined> {
  const known = await spool?.knownWork().catch((error: unknown) => {
    if (isError(error, 'BROKER_LOCKED')) throw error;
    log.warn('spool_known_work_not_read', { reason: describeError(error) });
    return undefined;
  });
  return known?.group.groupId === worker.groupId ? known : undefined;
}

export interface KafkaToCome {
  /** The opening that is under way. */
  readonly first: Promise<Broker>;
  /** Where that fails for another reason than that nobody is there. */
  readonly again: () => Promise<Broker>;
  /** Stands for it until then. */
  readonly broker: LaterBroker;
}

const retry = { baseMs: 500, maxMs: 5_000, jitter: 0.2 };

/**
 * Goes on until Kafka is there and the worker has taken up what it says, or the signal aborts. What fails on the way, whatever it
 * is, does not end a worker that receives: it is logged, and tried again. `behind` is called once it has.
 */
export async function takeUpLater(
  worker: Worker,
  { first, again, broker }: KafkaToCome,
  behind: () => Promise<void>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  let isThere = false;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      if (!isThere) broker.attach(await (attempt === 1 ? first : again()));
      isThere = true;
      await worker.takeUp();
      await behind();
      log.info('broker_taken_up', { address: broker.address });
      return;
    } catch (error) {
      if (signal.aborted) return;
      worker.notTakenUp(error);
      const againMs = Math.round(backoffMs(attempt, retry, Math.random));
      log.warn('broker_not_taken_up', { reason: describeError(error), attempt, again_in_ms: againMs });
      await sleep(againMs, signal);
    }
  }
}
