/** A started program with its REST interface, and what a user can see through it. */
import { freePorts } from '../../support/free-ports.ts';
import { type Running, type RunOptions, startTributary, until } from './run.ts';

export interface StartedWorker extends Running {
  readonly url: string;
  /** Records of a topic from its beginning; none where there is no such topic. */
  records(topic: string): Promise<readonly TappedRecord[]>;
  /** Sum of a metric's series. */
  metric(name: string): Promise<number>;
  /** Resolves when the topic holds at least so many records. */
  holds(topic: string, count: number): Promise<void>;
}

export interface TappedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** `tributary start …` or `tributary connect …` on a free port; resolves when REST answers. */
export async function startWorker(args: readonly string[], options: RunOptions): Promise<StartedWorker> {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port!}`;
  const running = startTributary([...args, '--listen', `127.0.0.1:${port!}`], options);
  try {
    await running.waitFor('Ctrl-C stops it.');
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
  const records = async (topic: string): Promise<readonly TappedRecord[]> => {
    const answer = await fetch(`${url}/tap/${topic}?from=earliest&follow=false`);
    const text = await answer.text();
    if (answer.status === 404) return [];
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  };
  return {
    ...running,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    url,
    records,
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text();
      let sum = 0;
      for (const match of text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))) sum += Number(match[1]);
      return sum;
    },
    holds: (topic, count) =>
      until(`${count} records in "${topic}"`, async () => {
        const answer = await fetch(`${url}/topics/${topic}`);
        if (!answer.ok) return false;
        const { partitions } = (await answer.json()) as { partitions: { earliest: number; latest: number }[] };
        return partitions.reduce((sum, { earliest, latest }) => sum + latest - earliest, 0) >= count;
      }),
  };
}
