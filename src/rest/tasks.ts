/** `/connectors/{c}/tasks` and the restart of one. */
import type { FastifyInstance } from 'fastify';
import { taskInfos } from '../wire/connect/connector-info.ts';
import { statusError } from '../wire/connect/error-body.ts';
import { Refusal } from './refusal.ts';
import { type NameParams, type RestContext, requireConnector, shownConfig } from './rest-context.ts';

export interface TaskParams {
  readonly Params: { readonly name: string; readonly task: string };
}

export function taskRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<NameParams>('/connectors/:name/tasks', async ({ params }) => {
    const { name, tasks } = requireConnector(context, params.name);
    return taskInfos(
      name,
      tasks.map((config) => shownConfig(context, config)),
    );
  });

  server.post<TaskParams>('/connectors/:name/tasks/:task/restart', async ({ params }, reply) => {
    const { name } = params;
    const task = taskNumber(params.task);
    const view = worker.connector(name);
    if (view === undefined) throw new Refusal(404, `Unknown connector: ${name}`);
    // A stopped connector has no tasks now and may have had: the worker answers for them.
    const isStopped = worker.status(name)?.connector.state === 'STOPPED';
    if (task < 0 || (task >= view.tasks.length && !isStopped)) throw new Refusal(404, `Unknown task: ${name}-${task}`);
    await worker.restartTask(name, task);
    return reply.code(204).send();
  });
}

/** A path whose task is no number leads nowhere. */
export function taskNumber(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new Refusal(404, statusError(404).message);
  return Number(text);
}
