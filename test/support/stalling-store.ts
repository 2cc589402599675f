/** An embedded broker whose disk can be held up: requests to the store wait until it goes on, in their order. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedBroker, type EmbeddedBrokerOptions } from '../../src/broker/embedded/embedded.ts';
import { StoreClient } from '../../src/broker/embedded/store-client.ts';
import { TopicTable } from '../../src/broker/embedded/topic-table.ts';

export interface StallingBroker {
  readonly broker: EmbeddedBroker;
  stall(): void;
  resume(): void;
  /** Every request to the store takes so much longer. */
  delay(ms: number): void;
}

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
  const held = new Proxy(client, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]): unknown => {
        const call = (): unknown => found.apply(target, args);
        if (!requests.includes(name)) return call();
        last = last.then(passed);
        return last.then(call);
      };
    },
  });
  const resume = (): void => {
    open();
    open = () => {};
  };
  return {
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
  };
}
