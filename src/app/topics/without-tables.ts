import { TributaryError } from '../../base/errors.ts';
import type { TopicAccess } from './topic-access.ts';

/**
 * Topics without the records of the worker's own tables: they hold configurations with their passwords, and whoever could
 * write there would change connectors past all checks. Who can reach the broker itself can still look.
 */
export function withoutTables(topics: TopicAccess, tables: readonly string[]): TopicAccess {
  const refuse = (topic: string): void => {
    if (!tables.includes(topic)) return;
    throw new TributaryError(
      'AUTHORIZATION_FAILED',
      `Topic "${topic}" is a table of the worker and may hold secrets: its records are not for the REST interface. "--broker" reads them from the broker`,
    );
  };
  return {
    ...topics,
    async delete(topic) {
      refuse(topic);
      await topics.delete(topic);
    },
    async *tap(topic, ...rest) {
      refuse(topic);
      yield* topics.tap(topic, ...rest);
    },
    async produce(topic, records) {
      refuse(topic);
      return topics.produce(topic, records);
    },
    [Symbol.asyncDispose]: () => topics[Symbol.asyncDispose](),
  };
}
