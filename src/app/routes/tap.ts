/** `GET /tap/{topic}`: records as NDJSON, for a second terminal and for curl. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import { parseFrom } from '../topics/tap-options.ts';
import type { TapOptions, TapRecord, TopicAccess } from '../topics/topic-access.ts';
import { sendError } from './send-error.ts';

const parameters = ['from', 'limit', 'follow', 'partition', 'key'];

/** `stopping` ends the answers that follow a topic: without it a server could never close. */
export function tapRoute(server: FastifyInstance, topics: TopicAccess, stopping: AbortSignal): void {
  server.get<{ Params: { topic: string }; Querystring: Record<string, string> }>(
    '/tap/:topic',
    async (request, reply) => {
      const gone = new AbortController();
      reply.raw.on('close', () => gone.abort());
      const signal = AbortSignal.any([gone.signal, stopping]);
      let batches: AsyncIterator<readonly TapRecord[]> | undefined;
      try {
        const started = Promise.withResolvers<void>();
        batches = topics
          .tap(request.params.topic, parseQuery(request.query), signal, started.resolve)
          [Symbol.asyncIterator]();
        const first = batches.next();
        // What is wrong with the request shows before the first record: then it still has a status of its own.
        await Promise.race([first, started.promise]);
        reply.hijack();
        await stream(reply.raw, first, batches);
      } catch (error) {
        if (!reply.raw.headersSent) return sendError(reply, error);
        reply.raw.end(`${JSON.stringify({ error: { code: codeOf(error), message: describeError(error) } })}\n`);
      } finally {
        await batches?.return?.();
      }
      return reply;
    },
  );
}

/** One batch is held while the client is slow; what comes later stays in the broker until it is asked for. */
async function stream(
  response: ServerResponse,
  first: Promise<IteratorResult<readonly TapRecord[]>>,
  rest: AsyncIterator<readonly TapRecord[]>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  response.flushHeaders();
  for (let turn = await first; !turn.done; turn = await rest.next()) {
    const text = turn.value.map((record) => `${JSON.stringify(record)}\n`).join('');
    if (!response.write(text)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function parseQuery(query: Readonly<Record<string, string>>): TapOptions {
  const unknown = Object.keys(query).find((name) => !parameters.includes(name));
  if (unknown !== undefined) throw wrong(`Unknown parameter "${unknown}": there are ${parameters.join(', ')}`);
  const follow = query['follow'] ?? 'true';
  if (follow !== 'true' && follow !== 'false') throw wrong(`Cannot use follow="${follow}": must be true or false`);
  return {
    from: parseFrom(query['from'] ?? (follow === 'true' ? 'latest' : 'earliest')),
    follow: follow === 'true',
    limit: wholeNumber('limit', query['limit']),
    partition: wholeNumber('partition', query['partition']),
    key: query['key'],
  };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw wrong(`Cannot use ${name}="${text}": must be a whole number, 0 or more`);
  return Number(text);
}

function wrong(message: string): TributaryError {
  return new TributaryError('USAGE', message);
}

function codeOf(error: unknown): string {
  return isError(error) ? error.code : 'INTERNAL';
}
