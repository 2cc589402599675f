/** `GET /spool` and `GET /spool/{connector}`: what waits for Kafka on this machine. For "tributary spool" and for curl. */
import type { FastifyInstance } from 'fastify';
import { TributaryError } from '../../base/errors.ts';
import type { InspectOptions, SpoolAccess } from '../spool/spool-access.ts';
import { sendError } from './send-error.ts';
import { sendLines } from './send-lines.ts';

const parameters = ['task', 'topic', 'from', 'limit'];

export function spoolRoutes(server: FastifyInstance, spool: SpoolAccess, stopping: AbortSignal): void {
  server.get('/spool', async (_request, reply) => {
    try {
      return await spool.list();
    } catch (error) {
      return sendError(reply, error);
    }
  });
  server.get<{ Params: { connector: string }; Querystring: Record<string, string> }>(
    '/spool/:connector',
    async (request, reply) => {
      const { connector } = request.params;
      return sendLines(reply, stopping, (signal) => spool.inspect(connector, parseQuery(request.query), signal));
    },
  );
}

function parseQuery(query: Readonly<Record<string, string>>): InspectOptions {
  const unknown = Object.keys(query).find((name) => !parameters.includes(name));
  if (unknown !== undefined) throw wrong(`Unknown parameter "${unknown}": there are ${parameters.join(', ')}`);
  const { topic } = query;
  return {
    ...wholeNumber('task', query['task']),
    ...wholeNumber('from', query['from']),
    ...wholeNumber('limit', query['limit']),
    ...(topic === undefined ? {} : { topic }),
  };
}

function wholeNumber(name: 'task' | 'from' | 'limit', text: string | undefined): InspectOptions {
  if (text === undefined) return {};
  if (!/^\d{1,15}$/.test(text)) throw wrong(`Cannot use ${name}="${text}": must be a whole number, 0 or more`);
  return { [name]: Number(text) };
}

function wrong(message: string): TributaryError {
  return new TributaryError('USAGE', message);
}
