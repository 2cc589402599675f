import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { ConnectClient, ConnectorStateInfo } from '../../rest/client.ts';
import { command } from '../command.ts';
import { table } from '../table.ts';
import { connectionOptions, formOption, named, openClient, show } from './connection.ts';

const kinds = ['connectors', 'connector', 'tasks', 'topics', 'info'] as const;

export const get = command({
  name: 'get',
  summary: 'Lists connectors, the tasks or topics of one, or shows what the worker is',
  operands: [
    { name: 'WHAT', doc: 'connectors (default), tasks NAME, topics NAME, connector NAME, info', optional: true },
    { name: 'NAME', doc: 'the connector', optional: true },
  ],
  options: { ...formOption, ...connectionOptions },
  examples: ['tributary get', 'tributary get tasks trades', 'tributary get connectors -o json'],
  async run({ options, operands: [what = 'connectors', name], io }) {
    const client = await openClient(options, io.env);
    const kind = kinds.find((known) => known === what || known === `${what}s`);
    if (kind === undefined) {
      throw new TributaryError(
        'USAGE',
        `Cannot get "${what}": there are ${kinds.join(', ')}.${suggest(what, kinds)} "tributary plugins", "tributary loggers get" and "tributary offsets get" show those.`,
      );
    }
    const isOfOne = kind === 'tasks' || kind === 'topics' || what === 'connector';
    if (isOfOne && name === undefined) throw new TributaryError('USAGE', `"tributary get ${what}" needs a connector.`);
    const { answer, text } = await read(client, isOfOne && what === 'connector' ? 'connector' : kind, name ?? '');
    await show(io, options.output, answer, text);
    return 0;
  },
});

interface Shown {
  readonly answer: unknown;
  readonly text: () => string;
}

async function read(client: ConnectClient, kind: (typeof kinds)[number], name: string): Promise<Shown> {
  switch (kind) {
    case 'connectors': {
      const connectors = await client.connectors();
      return { answer: connectors, text: () => connectorTable(Object.values(connectors).map(({ status }) => status)) };
    }
    case 'connector': {
      const info = await named(client, name, () => client.connector(name));
      return { answer: info, text: () => JSON.stringify(info.config, null, 2) };
    }
    case 'tasks': {
      const status = await named(client, name, () => client.status(name));
      return { answer: status.tasks, text: () => taskTable(status) };
    }
    case 'topics': {
      await named(client, name, () => client.connector(name));
      const topics = await client.topics(name);
      return {
        answer: topics,
        text: () => (topics.length === 0 ? 'It has written to no topic yet.' : topics.join('\n')),
      };
    }
    case 'info': {
      const info = await client.info();
      const rows = [
        ['URL', client.url],
        ['Version', info.version],
        ['Commit', info.commit],
        ['Kafka cluster', info.kafka_cluster_id],
      ];
      return { answer: info, text: () => rows.map(([key, value]) => `${key!.padEnd(14)} ${value}`).join('\n') };
    }
  }
}

function connectorTable(statuses: readonly ConnectorStateInfo[]): string {
  if (statuses.length === 0) return 'There are no connectors.';
  const rows = [...statuses]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, connector, tasks }) => [name, type, connector.state, tasksInShort(tasks), connector.worker_id]);
  return table(['NAME', 'TYPE', 'STATE', 'TASKS', 'WORKER'], rows);
}

/** `2 RUNNING, 1 FAILED`: what is not well stands first. */
export function tasksInShort(tasks: ConnectorStateInfo['tasks']): string {
  const counts = new Map<string, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  const order = (state: string): number => (state === 'FAILED' ? 0 : state === 'RUNNING' ? 2 : 1);
  const parts = [...counts].sort(([a], [b]) => order(a) - order(b)).map(([state, count]) => `${count} ${state}`);
  return parts.join(', ') || '-';
}

export function taskTable({ tasks }: ConnectorStateInfo): string {
  if (tasks.length === 0) return 'It has no tasks now.';
  const rows = tasks.map((task) => [task.id, task.state, task.worker_id, reasonOf(task)]);
  return table(['TASK', 'STATE', 'WORKER', 'REASON'], rows);
}

/** The first line of a trace is the reason. */
function reasonOf({ trace, detail }: { readonly trace?: string; readonly detail?: string }): string {
  return (trace ?? detail ?? '').split('\n')[0]!;
}
