/** A broker that can be taken away: while it is stopped every call answers as an unreachable broker's would. */
import { sleep } from '../../../../src/base/abort.ts';
import { TributaryError } from '../../../../src/base/errors.ts';
import type { Broker, FetchedRecords, Producer, ProducerOptions, ReadOptions } from '../../../../src/broker/broker.ts';

export interface StoppableBroker {
  readonly broker: Broker;
  stop(): void;
  start(): void;
}

export function stoppableBroker(broker: Broker): StoppableBroker {
  let stopped = new AbortController();
  /** Sends that wait go on in the order they were made, as those of a real producer do. */
  let started = new AbortController();
  let isDown = false;
  const unavailable = (): TributaryError =>
    new TributaryError('BROKER_UNAVAILABLE', 'The broker is stopped', { retriable: true });
  const check = (): void => {
    if (isDown) throw unavailable();
  };

  async function* read(options: ReadOptions): AsyncGenerator<FetchedRecords> {
    check();
    const signals = [stopped.signal, ...(options.signal === undefined ? [] : [options.signal])];
    yield* broker.read({ ...options, signal: AbortSignal.any(signals) });
    if (options.signal?.aborted !== true && isDown) throw unavailable();
  }

  async function producer(options: ProducerOptions = {}): Promise<Producer> {
    check();
    const real = await broker.producer(options);
    return new Proxy(real, {
      get(target, name) {
        if (name !== 'send') {
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return async (...send: Parameters<Producer['send']>) => {
          const until = performance.now() + (options.deliveryTimeoutMs ?? 30_000);
          while (isDown) {
            const leftMs = until - performance.now();
            if (leftMs <= 0) throw unavailable();
            await sleep(leftMs, started.signal);
          }
          return target.send(...send);
        };
      },
    });
  }

  const wrapped = new Proxy(broker, {
    get(target, name) {
      if (name === 'read') return read;
      if (name === 'producer') return producer;
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function' || name === 'close' || typeof name === 'symbol') {
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (...call: unknown[]) => {
        check();
        return value.apply(target, call) as unknown;
      };
    },
  });
  return {
    broker: wrapped,
    stop() {
      isDown = true;
      started = new AbortController();
      stopped.abort();
    },
    start() {
      isDown = false;
      stopped = new AbortController();
      started.abort();
    },
  };
}
