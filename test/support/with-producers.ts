import type { Broker, Producer } from '../../src/broker/broker.ts';

/** The same broker with a hand in the calls of its producers that have a transactional id. */
export function withProducers(broker: Broker, change: (producer: Producer) => Partial<Producer>): Broker {
  const wrap = (producer: Producer): Producer => {
    const changed = change(producer);
    return new Proxy(producer, {
      get(target, key: keyof Producer) {
        const value = changed[key] ?? target[key];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return new Proxy(broker, {
    get(target, key: keyof Broker) {
      if (key === 'producer') {
        return async (options: Parameters<Broker['producer']>[0]) => {
          const producer = await target.producer(options);
          return options?.transactionalId === undefined ? producer : wrap(producer);
        };
      }
      const value = target[key];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
