import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Broker, TopicDescription } from '../broker/broker.ts';
import { TopicCatalog } from './topic-catalog.ts';

function catalogOf(topics: readonly string[], asked: string[] = []): TopicCatalog {
  const broker = {
    listTopics: async () => topics,
    describeTopic: async (name: string) => {
      asked.push(name);
      return { name } as TopicDescription;
    },
  };
  return new TopicCatalog({
    broker: broker as unknown as Broker,
    refreshMs: 1,
    onRetry: (error) => ok(false, String(error)),
  });
}

/** What a watcher is told first, and how often it was asked about a topic before. */
async function told(
  catalog: TopicCatalog,
  named: readonly string[] | null,
  wants: (topic: string) => boolean,
): Promise<{ readonly topics: readonly string[]; readonly asked: number }> {
  let asked = 0;
  const counted = (topic: string): boolean => {
    asked++;
    return wants(topic);
  };
  return await new Promise((resolve) => {
    const end = catalog.watch({
      named,
      wants: counted,
      changed: (topics) => {
        end();
        resolve({ topics: [...topics.keys()], asked });
      },
    });
  });
}

test('each hears of its topics: of those named that there are and that it may read, of all that its pattern finds', async () => {
  const asked: string[] = [];
  const catalog = catalogOf(['a', 'b', 'b2', 'c'], asked);
  const [named, forbidden, pattern] = await Promise.all([
    told(catalog, ['a', 'gone', 'c'], () => true),
    told(catalog, ['a', 'c'], (topic) => topic === 'c'),
    told(catalog, null, (topic) => topic.startsWith('b')),
  ]);
  deepEqual([named.topics, forbidden.topics, pattern.topics], [['a', 'c'], ['c'], ['b', 'b2']]);
  deepEqual(asked, ['a', 'b', 'b2', 'c']);
});

test('who has named its topics is not asked about all the others', async () => {
  const topics = Array.from({ length: 500 }, (_, at) => `t${at}`);
  const catalog = catalogOf(topics);
  const watchers = await Promise.all(topics.map((topic) => told(catalog, [topic], (other) => other === topic)));
  for (const [at, watcher] of watchers.entries()) deepEqual(watcher.topics, [`t${at}`]);
  equal(Math.max(...watchers.map(({ asked }) => asked)), 1);
});
