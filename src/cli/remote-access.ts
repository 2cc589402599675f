/** Topics of a running process, through its REST interface. */

import { showFrom } from '../app/topics/tap-options.ts';
import type { TapOptions, TapRecord, TopicAccess, TopicDetails, TopicSummary } from '../app/topics/topic-access.ts';
import type { ErrorCode } from '../base/errors.ts';
import { describeError, TributaryError } from '../base/errors.ts';

type Credentials = Readonly<Record<string, string>>;
type Init = Omit<RequestInit, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly duplex?: 'half';
};
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

/** True where a Tributary answers; false where nothing listens. Anything else that listens there is an error. */
export async function isRunning(url: string, credentials: Credentials = {}): Promise<boolean> {
  let answer: Response;
  try {
    answer = await fetch(`${url}/topics`, { headers: credentials, signal: AbortSignal.timeout(5000) });
  } catch (error) {
    if (hasCode(error, 'ECONNREFUSED')) return false;
    throw new TributaryError('CONNECTION_FAILED', `Cannot reach ${url}: ${describeError(error)}`);
  }
  await answer.body?.cancel();
  if (answer.ok) return true;
  if (answer.status === 401 || answer.status === 403) throw refusal(answer.status, undefined, url);
  throw new TributaryError(
    'CONNECTION_FAILED',
    `What answers at ${url} is no Tributary (HTTP ${answer.status} for /topics). Name the right one with --url, or a broker with --broker.`,
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
  let rest = '';
  try {
    const answer = await call(`${url}/tap/${encodeURIComponent(topic)}?${query}`, { signal });
    onReady();
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      const whole = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = whole.pop()!;
      if (whole.length > 0) yield whole.map(parseTapLine);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof TributaryError) throw error;
    throw new TributaryError('CONNECTION_FAILED', `${url} has ended: ${describeError(error)}`);
  }
}

function parseTapLine(line: string): TapRecord {
  const parsed = JSON.parse(line) as
    | TapRecord
    | { readonly error: { readonly code: ErrorCode; readonly message: string } };
  if ('error' in parsed) throw new TributaryError(parsed.error.code, parsed.error.message);
  return parsed;
}

async function* lines(batches: AsyncIterable<readonly object[]>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const batch of batches) yield Buffer.from(batch.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

function json(method: string, body: unknown): Init {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** An answer that is none of success becomes the error that the process gave. */
async function request(url: string, init: Init = {}, credentials: Credentials = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, headers: { ...credentials, ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new TributaryError('CONNECTION_FAILED', `Cannot reach ${new URL(url).origin}: ${describeError(error)}`);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  throw refusal(answer.status, messageOf(text), url);
}

function refusal(status: number, message: string | undefined, url: string): TributaryError {
  const text = message ?? `${new URL(url).origin} answered HTTP ${status}`;
  const hint =
    status === 401 ? '. Give --user NAME:PASSWORD or --token TOKEN, or set TRIBUTARY_USER or TRIBUTARY_TOKEN' : '';
  return new TributaryError(codeOf(status), text + hint);
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'AUTHENTICATION_FAILED';
  if (status === 403) return 'AUTHORIZATION_FAILED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 409) return 'CONFLICT';
  return status < 500 ? 'BROKER_REJECTED' : 'CONNECTION_FAILED';
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined; // an answer of something between us and it: the status has to do
  }
}

function hasCode(error: unknown, code: string): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ((current as NodeJS.ErrnoException).code === code) return true;
    if (current instanceof AggregateError && current.errors.some((part) => hasCode(part, code))) return true;
  }
  return false;
}
