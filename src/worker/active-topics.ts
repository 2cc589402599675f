/**
 * Which topics each connector has written to, in the topic, keys and values that Kafka Connect uses for it: beside the
 * statuses, `status-topic-<topic>:connector-<connector>` holds `{"topic":{"name","connector","task","discoverTimestamp"}}`.
 */
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { parseObject } from './json.ts';
import type { Table } from './table.ts';

export interface ActiveTopics {
  /** In order. */
  of(connector: string): readonly string[];
  /** A task has written to a topic. It costs a look-up where that is known; else it is stored in the background. */
  note(connector: string, task: number, topic: string): void;
  /** Forgets them, until the connector writes to one again. */
  reset(connector: string): Promise<void>;
}

export function activeTopics(table: Table, clock: Clock, log: Log): ActiveTopics {
  /** Entries on their way: each is written once, however often it is noted meanwhile. */
  const writing = new Map<string, Promise<void>>();

  const write = (key: string, connector: string, task: number, topic: string): Promise<void> => {
    const value = { topic: { name: topic, connector, task, discoverTimestamp: clock.nowMs() } };
    return table
      .put([[key, JSON.stringify(value)]])
      .catch((error: unknown) => log.warn('topic_not_noted', { connector, topic, reason: describeError(error) }))
      .finally(() => writing.delete(key));
  };

  return {
    of(connector) {
      const end = `:connector-${connector}`;
      const topics: string[] = [];
      for (const [key, value] of table.entries) {
        if (!key.startsWith(prefix) || !key.endsWith(end)) continue;
        const topic = topicOf(value);
        if (topic?.connector === connector) topics.push(topic.name);
      }
      return topics.sort();
    },
    note(connector, task, topic) {
      const key = keyOf(connector, topic);
      if (table.entries.has(key) || writing.has(key)) return;
      writing.set(key, write(key, connector, task, topic));
    },
    async reset(connector) {
      await Promise.all([...writing.values()]); // else what is on its way would come after the reset
      const keys = this.of(connector).map((topic) => keyOf(connector, topic));
      await table.put(keys.map((key) => [key, null]));
    },
  };
}

const prefix = 'status-topic-';

function keyOf(connector: string, topic: string): string {
  return `${prefix}${topic}:connector-${connector}`;
}

function topicOf(value: string): { readonly name: string; readonly connector: string } | undefined {
  const topic = parseObject(value)?.['topic'] as { readonly name?: unknown; readonly connector?: unknown } | undefined;
  const { name, connector } = topic ?? {};
  return typeof name === 'string' && typeof connector === 'string' ? { name, connector } : undefined;
}
