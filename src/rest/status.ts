/** `/connectors/{c}/status` and `/connectors/{c}/tasks/{n}/status`. */
import type { FastifyInstance } from 'fastify';
import { type ConnectorStateInfo, stateInfo, taskStateInfo } from '../wire/connect/connector-state-info.ts';
import { Refusal } from './refusal.ts';
import type { NameParams, RestContext } from './rest-context.ts';
import type { ConnectorStatus } from './rest-worker.ts';
import { type TaskParams, taskNumber } from './tasks.ts';

export function statusRoutes(server: FastifyInstance, { worker }: RestContext): void {
  server.get<NameParams>('/connectors/:name/status', async ({ params }) => {
    const status = worker.status(params.name);
    if (status === undefined) throw new Refusal(404, `No status found for connector ${params.name}`);
    return connectorStateInfo(status);
  });

  server.get<TaskParams>('/connectors/:name/tasks/:task/status', async ({ params }) => {
    const number = taskNumber(params.task);
    const status = worker.status(params.name)?.tasks.find(({ task }) => task === number);
    if (status === undefined) throw new Refusal(404, `No status found for task ${params.name}-${number}`);
    return taskStateInfo(number, status);
  });
}

export function connectorStateInfo({ name, connector, tasks, type }: ConnectorStatus): ConnectorStateInfo {
  return {
    name,
    connector: stateInfo(connector),
    tasks: tasks.map((status) => taskStateInfo(status.task, status)),
    type,
  };
}
