/** Every operation of the REST interface, a line or two each. Paths are written as OpenAPI has them. */
import { type JsonSchema, listOf, ref, type SchemaName } from './schemas.ts';

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly tag:
    | 'worker'
    | 'connectors'
    | 'tasks'
    | 'offsets'
    | 'topics'
    | 'plugins'
    | 'loggers'
    | 'internal'
    | 'records'
    | 'sql'
    | 'spool';
  /** By status; null is an answer without a body. */
  readonly answers: Readonly<Record<number, JsonSchema | null>>;
  /** Statuses of refusals besides 500, with what they mean. */
  readonly refusals?: Readonly<Record<number, string>>;
  readonly body?: SchemaName;
  readonly query?: Readonly<Record<string, string>>;
  /** Of the body and of the good answers, where it is not JSON. */
  readonly contentType?: string;
}

const noConnector = { 404: 'There is no such connector' };
const invalid = { 400: 'The configuration is invalid; the message lists every problem' };
const busy = { 409: 'Another change is under way' };
const notStopped = { 400: 'The connector is not stopped, or nothing is to be changed' };
const noTracking = { 403: 'Topic tracking is switched off' };
const detail = { detail: 'true: also what each task says of itself' };
const c = '/connectors/{connector}';
const plugin = '/connector-plugins/{plugin}';

export const operations: readonly Operation[] = [
  op('get', '/', 'worker', 'Version and cluster', { 200: ref('ServerInfo') }),
  op(
    'get',
    '/health',
    'worker',
    'Whether the worker does its work',
    { 200: ref('HealthInfo'), 500: ref('HealthInfo'), 503: ref('HealthInfo') },
    {
      query: {
        group: 'group.id of workers: the answer says how this worker hears that group, where it is one of it',
        cluster: 'with group: id of the Kafka cluster that the group is in',
      },
    },
  ),
  op(
    'get',
    '/metrics',
    'worker',
    'Metrics in the text form of Prometheus',
    { 200: { type: 'string' } },
    { contentType: 'text/plain' },
  ),
  op('get', '/openapi.json', 'worker', 'This document', { 200: { type: 'object' } }),

  op(
    'get',
    '/connectors',
    'connectors',
    'Names of the connectors; with expand a map of them',
    { 200: { anyOf: [ref('Names'), ref('Expanded')] } },
    { query: { expand: 'info or status, as often as wanted', ...detail } },
  ),
  op(
    'post',
    '/connectors',
    'connectors',
    'Creates a connector',
    { 201: ref('ConnectorInfo') },
    {
      body: 'CreateRequest',
      refusals: { ...invalid, 409: 'There is one of that name' },
    },
  ),
  op('get', c, 'connectors', 'Configuration and tasks', { 200: ref('ConnectorInfo') }, { refusals: noConnector }),
  op(
    'delete',
    c,
    'connectors',
    'Deletes the connector; its offsets are kept',
    { 204: null },
    {
      refusals: { ...noConnector, ...busy },
    },
  ),
  op('get', `${c}/config`, 'connectors', 'The configuration', { 200: ref('Config') }, { refusals: noConnector }),
  op(
    'put',
    `${c}/config`,
    'connectors',
    'Replaces the configuration, or creates the connector',
    { 200: ref('ConnectorInfo'), 201: ref('ConnectorInfo') },
    { body: 'Config', refusals: { ...invalid, ...busy } },
  ),
  op(
    'patch',
    `${c}/config`,
    'connectors',
    'Sets keys of the configuration; a null takes one away (RFC 7396)',
    { 200: ref('ConnectorInfo') },
    { body: 'Config', refusals: { ...invalid, ...noConnector, ...busy } },
  ),
  op(
    'get',
    `${c}/status`,
    'connectors',
    'State of the connector and of its tasks',
    { 200: ref('ConnectorStateInfo') },
    {
      query: detail,
      refusals: noConnector,
    },
  ),
  op(
    'post',
    `${c}/restart`,
    'connectors',
    'Restarts the connector, and its tasks where that is asked for',
    { 202: ref('ConnectorStateInfo'), 204: null },
    {
      query: { includeTasks: 'true: its tasks as well', onlyFailed: 'true: only what has failed' },
      refusals: { ...noConnector, ...busy },
    },
  ),
  op('put', `${c}/pause`, 'connectors', 'Pauses; idempotent', { 202: null }, { refusals: noConnector }),
  op(
    'put',
    `${c}/resume`,
    'connectors',
    'Goes on, also from stopped; idempotent',
    { 202: null },
    {
      refusals: noConnector,
    },
  ),
  op(
    'put',
    `${c}/stop`,
    'connectors',
    'Stops and takes its tasks away',
    { 204: null },
    {
      refusals: { ...noConnector, ...busy },
    },
  ),

  op(
    'get',
    `${c}/tasks`,
    'tasks',
    'Configurations of the tasks',
    { 200: listOf(ref('TaskInfo')) },
    {
      refusals: noConnector,
    },
  ),
  op(
    'get',
    `${c}/tasks/{task}/status`,
    'tasks',
    'State of a task',
    { 200: ref('TaskStateInfo') },
    {
      query: detail,
      refusals: { 404: 'There is no such task' },
    },
  ),
  op(
    'post',
    `${c}/tasks/{task}/restart`,
    'tasks',
    'Restarts a task',
    { 204: null },
    {
      refusals: { 404: 'There is no such task', 409: 'The connector is stopped, or another change is under way' },
    },
  ),

  op(
    'get',
    `${c}/topics`,
    'topics',
    'Topics that the connector has written to',
    { 200: ref('ActiveTopics') },
    {
      refusals: noTracking,
    },
  ),
  op('put', `${c}/topics/reset`, 'topics', 'Forgets them', { 202: null }, { refusals: noTracking }),

  op(
    'get',
    `${c}/offsets`,
    'offsets',
    'Offsets that are stored',
    { 200: ref('ConnectorOffsets') },
    {
      refusals: noConnector,
    },
  ),
  op(
    'patch',
    `${c}/offsets`,
    'offsets',
    'Changes offsets of a stopped connector; a null deletes one',
    { 200: ref('Message') },
    { body: 'OffsetChanges', refusals: { ...notStopped, ...noConnector } },
  ),
  op(
    'delete',
    `${c}/offsets`,
    'offsets',
    'Deletes the offsets of a stopped connector',
    { 200: ref('Message') },
    {
      refusals: { ...notStopped, ...noConnector },
    },
  ),

  op(
    'get',
    '/connector-plugins',
    'plugins',
    'What configurations may name',
    { 200: listOf(ref('Plugin')) },
    {
      query: { connectorsOnly: 'false: also transforms, predicates and converters' },
    },
  ),
  op(
    'get',
    `${plugin}/config`,
    'plugins',
    'Options of a plugin',
    { 200: listOf(ref('ConfigKeyInfo')) },
    {
      refusals: { 404: 'There is no such plugin' },
    },
  ),
  op(
    'put',
    `${plugin}/config/validate`,
    'plugins',
    'Checks a configuration; what is wrong stands in the answer',
    { 200: ref('ConfigInfos') },
    { body: 'Config', refusals: { 400: 'The class in the body is not the one in the path' } },
  ),

  op('get', '/admin/loggers', 'loggers', 'Levels of all loggers', { 200: ref('Loggers') }),
  op(
    'get',
    '/admin/loggers/{logger}',
    'loggers',
    'Level of a logger',
    { 200: ref('LoggerLevel') },
    {
      refusals: { 404: 'There is no such logger' },
    },
  ),
  op(
    'put',
    '/admin/loggers/{logger}',
    'loggers',
    'Sets the level of a logger and of all below it; the answer names those that changed',
    { 200: ref('Names'), 204: null },
    {
      body: 'LoggerChange',
      query: { scope: 'worker (default) or cluster' },
      refusals: { 400: 'The level is missing', 404: 'There is no such level' },
    },
  ),

  op(
    'put',
    `${c}/fence`,
    'internal',
    "Between Connect's own workers; always refused",
    {},
    {
      refusals: { 400: 'It is not signed' },
    },
  ),
  op(
    'post',
    `${c}/tasks`,
    'internal',
    "Between Connect's own workers; always refused",
    {},
    {
      refusals: { 400: 'It is not signed' },
    },
  ),
];

export function op(
  method: Operation['method'],
  path: string,
  tag: Operation['tag'],
  summary: string,
  answers: Operation['answers'],
  more: Pick<Operation, 'body' | 'query' | 'refusals' | 'contentType'> = {},
): Operation {
  return { method, path, tag, summary, answers, ...more };
}
