/** A line in the log for every change that somebody asked for, whatever became of it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../telemetry/log.ts';
import type { Caller } from './authenticate.ts';

/** They take a text in the body, answer what they think of it, and keep nothing. */
const changeNothing: ReadonlySet<string> = new Set(['/sql/check', '/sql/explain']);

export function auditChange(log: Log, request: FastifyRequest, reply: FastifyReply, caller: Caller | undefined): void {
  if (isReading(request.method) || changeNothing.has(request.routeOptions.url ?? '')) return;
  const status = reply.statusCode;
  const outcome = status < 400 ? 'done' : status < 500 ? 'refused' : 'failed';
  const fields = {
    who: caller?.name ?? 'anonymous',
    ...(caller === undefined ? {} : { role: caller.role }),
    method: request.method,
    route: request.routeOptions.url ?? '(none)',
    ...objectOf(request),
    from: request.ip,
    status,
    outcome,
  };
  if (outcome === 'done') log.info('rest_change', fields);
  else log.warn('rest_change', fields);
}

export function isReading(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method);
}

type Params = Readonly<Partial<Record<'name' | 'topic' | 'logger', string>>>;

/** What the change is of. */
function objectOf(request: FastifyRequest): Readonly<Record<string, string>> {
  const { name, topic, logger } = (request.params ?? {}) as Params;
  if (topic !== undefined) return { topic: topic.slice(0, 249) };
  if (logger !== undefined) return { logger: logger.slice(0, 200), ...levelIn(request.body) };
  return connectorOf(request, name);
}

function levelIn(body: unknown): { readonly to?: string } {
  const level = typeof body === 'object' && body !== null && 'level' in body ? body.level : undefined;
  return typeof level === 'string' ? { to: level.slice(0, 20) } : {};
}

/** In the path, or of a connector that is created in the body. */
function connectorOf(request: FastifyRequest, inPath: string | undefined): { readonly connector?: string } {
  if (inPath !== undefined) return { connector: inPath.slice(0, 200) };
  const { body } = request as { readonly body: unknown };
  const name = typeof body === 'object' && body !== null && 'name' in body ? body.name : undefined;
  return typeof name === 'string' ? { connector: name.slice(0, 200) } : {};
}
