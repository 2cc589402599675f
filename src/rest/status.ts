/** `/connectors/{c}/status` and `/connectors/{c}/tasks/{n}/status`. */
import type { FastifyInstance } from 'fastify';
import {
  type ConnectorStateInfo,
  stateInfo,
  type TaskStateInfo,
  taskStateInfo,
} from '../wire/connect/connector-state-info.ts';
import { Refusal } from './refusal.ts';
import { type DetailQuery, type NameParams, type RestContext, wantsDetail } from './rest-context.ts';
import type { ConnectorStatus, TaskStatus } from './rest-worker.ts';
import { type TaskParams, taskNumber } from './tasks.ts';

export function statusRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<NameParams & DetailQuery>('/connectors/:name/status', async ({ params, query }) => {
    const status = worker.status(params.name);
    if (status === undefined) throw new Refusal(404, `No status found for connector ${params.name}`);
    return connectorStateInfo(status, wantsDetail(context, query));
  });

  server.get<TaskParams & DetailQuery>('/connectors/:name/tasks/:task/status', async ({ params, query }) => {
    const number = taskNumber(params.task);
    const status = worker.status(params.name)?.tasks.find(({ task }) => task === number);
    if (status === undefined) throw new Refusal(404, `No status found for task ${params.name}-${number}`);
    return taskInfo(status, wantsDetail(context, query));
  });
}

export function connectorStateInfo(
  { name, connector, tasks, type }: ConnectorStatus,
  withDetail: boolean,
): ConnectorStateInfo {
  return {
    name,
    connector: stateInfo(connector),
    tasks: tasks.map((status) => taskInfo(status, withDetail)),
    type,
  };
}

function taskInfo(status: TaskStatus, withDetail: boolean): TaskStateInfo {
  return taskStateInfo(status.task, withDetail ? status : { ...status, detail: undefined });
}
