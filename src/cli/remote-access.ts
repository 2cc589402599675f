/** Topics of a running process, through its REST interface. */

import { showFrom } from '../app/topics/tap-options.ts';
import type { TapOptions, TapRecord, TopicAccess, TopicDetails, TopicSummary } from '../app/topics/topic-access.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import { type Credentials, type Init, readLines, refusal, request } from './remote-call.ts';

type Call = (url: string, init?: Init) => Promise<Response>;

/** `credentials` are headers of every request: who calls. */
export function remoteAccess(url: string, credentials: Credentials = {}): TopicAccess {
  const call: Call = (path, init) => request(path, init, credentials);
  const topicUrl = (topic: string): string => `${url}/topics/${encodeURIComponent(topic)}`;
  return {
    via: url,
    list: async () => (await (await call(`${url}/topics`)).json()) as TopicSummary[],
    create: async (topic) => (await (await call(`${url}/topics`, json('POST', topic))).json()) as TopicDetails,
    describe: async (topic) => (await (await call(topicUrl(topic))).json()) as TopicDetails,
    async delete(topic) {
      await call(topicUrl(topic), { method: 'DELETE' });
    },
    tap: (topic, options, signal, onReady) => tap(call, url, topic, options, signal, onReady),
    async produce(topic, records) {
      const answer = await call(`${url}/produce/${encodeURIComponent(topic)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: ReadableStream.from(lines(records)),
        duplex: 'half',
      });
      return ((await answer.json()) as { records: number }).records;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * True where a Tributary answers; false where nothing listens. Anything else that listens there is an error. `path` is
 * what is asked for: not every answer needs the broker.
 */
export async function isRunning(url: string, credentials: Credentials = {}, path = '/topics'): Promise<boolean> {
  let answer: Response;
  try {
    answer = await fetch(url + path, { headers: credentials, signal: AbortSignal.timeout(5000) });
  } catch (error) {
    if (hasCode(error, 'ECONNREFUSED')) return false;
    throw new TributaryError('CONNECTION_FAILED', `Cannot reach ${url}: ${describeError(error)}`);
  }
  await answer.body?.cancel();
  if (answer.ok) return true;
  if (answer.status === 401 || answer.status === 403) throw refusal(answer.status, undefined, url);
  throw new TributaryError(
    'CONNECTION_FAILED',
    `What answers at ${url} is no Tributary (HTTP ${answer.status} for ${path}). Name the right one with --url${path === '/topics' ? ', or a broker with --broker' : ''}.`,
  );
}

async function* tap(
  call: Call,
  url: string,
  topic: string,
  options: TapOptions,
  signal: AbortSignal,
  onReady: () => void = () => {},
): AsyncGenerator<readonly TapRecord[], void, undefined> {
  const query = new URLSearchParams({ from: showFrom(options.from), follow: String(options.follow) });
  if (options.limit !== undefined) query.set('limit', String(options.limit));
  if (options.partition !== undefined) query.set('partition', String(options.partition));
  if (options.key !== undefined) query.set('key', options.key);
  try {
    const answer = await call(`${url}/tap/${encodeURIComponent(topic)}?${query}`, { signal });
    onReady();
    yield* readLines<TapRecord>(answer);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof TributaryError) throw error;
    throw new TributaryError('CONNECTION_FAILED', `${url} has ended: ${describeError(error)}`);
  }
}

async function* lines(batches: AsyncIterable<readonly object[]>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const batch of batches) yield Buffer.from(batch.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

function json(method: string, body: unknown): Init {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function hasCode(error: unknown, code: string): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ((current as NodeJS.ErrnoException).code === code) return true;
    if (current instanceof AggregateError && current.errors.some((part) => hasCode(part, code))) return true;
  }
  return false;
}
