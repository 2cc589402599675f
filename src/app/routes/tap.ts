/** `GET /tap/{topic}`: records as NDJSON, for a second terminal and for curl. */
import type { FastifyInstance } from 'fastify';
import { TributaryError } from '../../base/errors.ts';
import { parseFrom } from '../topics/tap-options.ts';
import type { TapOptions, TopicAccess } from '../topics/topic-access.ts';
import { sendLines } from './send-lines.ts';

const parameters = ['from', 'limit', 'follow', 'partition', 'key'];

/** `stopping` ends the answers that follow a topic: without it a server could never close. */
export function tapRoute(server: FastifyInstance, topics: TopicAccess, stopping: AbortSignal): void {
  server.get<{ Params: { topic: string }; Querystring: Record<string, string> }>('/tap/:topic', (request, reply) =>
    sendLines(reply, stopping, (signal, onReady) =>
      topics.tap(request.params.topic, parseQuery(request.query), signal, onReady),
    ),
  );
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
