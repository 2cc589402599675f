/** `/admin/loggers`: names of logs and their levels. */
import type { FastifyInstance } from 'fastify';
import { type LoggerLevel, type Loggers, parseThreshold } from '../telemetry/loggers.ts';
import { kindOf } from '../wire/connect/connector-config.ts';
import { Refusal, unreadable } from './refusal.ts';
import type { RestWorker } from './rest-worker.ts';

interface LoggerParams {
  readonly Params: { readonly logger: string };
}

export function loggerRoutes(
  server: FastifyInstance,
  loggers: Loggers,
  worker: Pick<RestWorker, 'setClusterLogLevel'>,
): void {
  server.get('/admin/loggers', async () => {
    // One that is off is not listed, as Connect has it.
    const shown = loggers.all().filter(([, { level }]) => level !== 'OFF');
    return Object.fromEntries(shown.map(([name, level]) => [name, loggerInfo(level)]));
  });

  server.get<LoggerParams>('/admin/loggers/:logger', async ({ params }) => {
    const found = loggers.get(params.logger);
    if (found === undefined) throw new Refusal(404, `Logger ${params.logger} not found.`);
    return loggerInfo(found);
  });

  server.put<LoggerParams & { readonly Querystring: { readonly scope?: string | string[] } }>(
    '/admin/loggers/:logger',
    async ({ params, query, body }, reply) => {
      if (loggers.isFixed(params.logger)) {
        throw new Refusal(403, `The level of logger ${params.logger} cannot be changed: it tells who changed what.`);
      }
      const word = levelIn(body);
      const level = parseThreshold(word);
      if (level === undefined) throw new Refusal(404, `invalid log level '${word}'.`);
      const [scope = ''] = [query.scope ?? ''].flat();
      // Every other scope means this worker.
      if (scope.toLowerCase() !== 'cluster') return reply.send(loggers.set(params.logger, level));
      await worker.setClusterLogLevel(params.logger, level);
      return reply.code(204).send();
    },
  );
}

function loggerInfo({ level, lastModifiedMs }: LoggerLevel): Readonly<Record<string, unknown>> {
  return { level, last_modified: lastModifiedMs };
}

function levelIn(body: unknown): string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw unreadable(`Cannot read a level: the body must be a JSON object, not ${kindOf(body)}`);
  }
  const { level = null } = body as { readonly level?: unknown };
  if (level === null) throw new Refusal(400, "Desired 'level' parameter was not specified in request.");
  if (typeof level === 'object' || level === '') throw unreadable('Cannot read the level: it must be a word');
  return String(level);
}
