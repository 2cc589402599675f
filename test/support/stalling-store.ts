/**
 * An embedded broker whose disk can be held up: requests to the store wait until it goes on, in their order. And whose appends
 * can fail for now, before they are stored or behind that.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedBroker, type EmbeddedBrokerOptions } from '../../src/broker/embedded/embedded.ts';
import { type AppendAnswer, StoreClient } from '../../src/broker/embedded/store-client.ts';
import { TopicTable } from '../../src/broker/embedded/topic-table.ts';

export interface StallingBroker {
  readonly broker: EmbeddedBroker;
  stall(): void;
  resume(): void;
  /** Every request to the store takes so much longer. */
  delay(ms: number): void;
  /** Asked for each append that goes to the store. */
  judge: () => AppendVerdict;
}

/** `refuse`: it does not reach the store; `lose`: it is stored, and its answer is that it failed. Both may be tried again. */
export type AppendVerdict = 'pass' | 'refuse' | 'lose';

const failure = { code: 'BROKER_UNAVAILABLE', message: 'The disk has failed for a moment', retriable: true } as const;

const requests: readonly (string | symbol)[] = ['append', 'write', 'read'];

export async function openStallingBroker(options: EmbeddedBrokerOptions): Promise<StallingBroker> {
  mkdirSync(options.directory, { recursive: true });
  const path = join(options.directory, 'tributary.db');
  const { client, state } = await StoreClient.open({ path, nowMs: Date.now() }, () => {});
  let gate = Promise.resolve();
  let open = (): void => {};
  let delayMs = 0;
  const passed = async (): Promise<void> => {
    if (delayMs > 0) await new Promise((wake) => setTimeout(wake, delayMs));
    await gate;
  };
  let last = Promise.resolve();
  let answers: Promise<unknown> = Promise.resolve();
  /** The store answers in the order in which it was asked, whatever the answer. */
  const inTurn = (answer: Promise<unknown>): Promise<unknown> => {
    const before = answers;
    answers = Promise.allSettled([before, answer]);
    return before.then(() => answer);
  };
  const judged = async (buffer: ArrayBuffer, append: () => unknown): Promise<unknown> => {
    const appended = { kind: 'failed', failure } as const;
    const verdict = stalling.judge();
    if (verdict === 'refuse') return { appended, buffer } satisfies AppendAnswer;
    const answer = (await append()) as AppendAnswer;
    return verdict === 'lose' ? { ...answer, appended } : answer;
  };
  const held = new Proxy(client, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]): unknown => {
        const call = (): unknown => found.apply(target, args);
        if (!requests.includes(name)) return call();
        last = last.then(passed);
        return last.then(name === 'append' ? () => inTurn(judged(args[1] as ArrayBuffer, call)) : call);
      };
    },
  });
  const resume = (): void => {
    open();
    open = () => {};
  };
  const stalling: StallingBroker = {
    broker: new EmbeddedBroker(options, held, new TopicTable(held, state.topics), state.clusterId),
    resume,
    stall() {
      resume();
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    delay(ms) {
      delayMs = ms;
    },
    judge: () => 'pass',
  };
  return stalling;
}
