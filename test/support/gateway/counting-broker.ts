/** A broker that counts what is asked of it. */
import type { Broker, FetchedRecords, ReadOptions } from '../../../src/broker/broker.ts';

export interface Asked {
  /** Readers that were opened. */
  reads: number;
  /** What they were given, record by record. */
  records: number;
  /** Other calls: offsets, descriptions, lists. */
  questions: number;
}

export interface CountingBroker {
  readonly broker: Broker;
  readonly asked: Asked;
}

export function countingBroker(broker: Broker): CountingBroker {
  const asked: Asked = { reads: 0, records: 0, questions: 0 };
  async function* read(options: ReadOptions): AsyncGenerator<FetchedRecords> {
    asked.reads++;
    for await (const fetched of broker.read(options)) {
      asked.records += fetched.records.length;
      yield fetched;
    }
  }
  const counting = new Proxy(broker, {
    get(target, name) {
      if (name === 'read') return read;
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...call: unknown[]): unknown => {
        if (name === 'offset' || name === 'describeTopic' || name === 'listTopics') asked.questions++;
        return value.apply(target, call) as unknown;
      };
    },
  });
  return { broker: counting, asked };
}
