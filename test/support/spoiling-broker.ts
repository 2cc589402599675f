/** A broker whose readers spoil the memory of a turn when that is released: who still looks at it reads 0xff. */
import type { Broker, FetchedRecords, ReadOptions } from '../../src/broker/broker.ts';
import { FetchedColumns } from '../../src/broker/fetched-columns.ts';

export interface SpoilingBroker<T extends Broker> {
  readonly broker: T;
  /** Bytes that were spoiled, by topic. */
  readonly spoiled: ReadonlyMap<string, number>;
}

export function spoilingBroker<T extends Broker>(broker: T): SpoilingBroker<T> {
  const spoiled = new Map<string, number>();
  async function* read(options: ReadOptions): AsyncGenerator<FetchedRecords> {
    for await (const fetched of broker.read(options)) {
      const { topic, partition, columns, nextOffset, endOffset, damaged } = fetched;
      const free = (): void => {
        for (const { bytes } of columns) {
          bytes.fill(0xff);
          spoiled.set(topic, (spoiled.get(topic) ?? 0) + bytes.length);
        }
        fetched.release();
      };
      const turn = { topic, partition, columns, nextOffset, endOffset, free };
      yield new FetchedColumns(damaged === undefined ? turn : { ...turn, damaged });
    }
  }
  const spoiling = new Proxy(broker, {
    get(target, name) {
      if (name === 'read') return read;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { broker: spoiling, spoiled };
}
