/** `/connectors/{c}/pause`, `/resume`, `/stop`, `/restart`. */
import type { FastifyInstance } from 'fastify';
import { Refusal } from './refusal.ts';
import type { NameParams, RestContext } from './rest-context.ts';
import { connectorStateInfo } from './status.ts';

interface RestartParams extends NameParams {
  readonly Querystring: { readonly includeTasks?: string; readonly onlyFailed?: string };
}

export function lifecycleRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;
  const steps = [
    ['pause', 202],
    ['resume', 202],
    ['stop', 204],
  ] as const;
  for (const [step, status] of steps) {
    server.put<NameParams>(`/connectors/:name/${step}`, async ({ params }, reply) => {
      if (worker.connector(params.name) === undefined) throw new Refusal(404, `Unknown connector ${params.name}`);
      await worker[step](params.name);
      return reply.code(status).send();
    });
  }

  // A body is not looked at: some clients send the options there, and Connect does not read them.
  server.post<RestartParams>('/connectors/:name/restart', async ({ params, query }, reply) => {
    if (worker.connector(params.name) === undefined) throw new Refusal(404, `Unknown connector: ${params.name}`);
    const includeTasks = isTrue(query.includeTasks);
    const onlyFailed = isTrue(query.onlyFailed);
    const status = await worker.restart(params.name, { includeTasks, onlyFailed });
    if (!includeTasks && !onlyFailed) return reply.code(204).send();
    return reply.code(202).send(connectorStateInfo(status, context.statusDetail));
  });
}

/** As Java reads a boolean: `true` in any case, all else is false. */
function isTrue(text: string | undefined): boolean {
  return String(text).toLowerCase() === 'true';
}
