import { TributaryError } from '../../base/errors.ts';
import type { ConnectClient } from '../../rest/client.ts';
import { command } from '../command.ts';
import { chosen, connectionOptions, forEach, named, openClient } from './connection.ts';

export const restart = command({
  name: 'restart',
  summary: 'Restarts connectors, their tasks, or one task',
  operands: [{ name: 'NAME', doc: 'the connector, or NAME/N for its task N', optional: true, many: true }],
  options: {
    tasks: { kind: 'text', choices: ['all', 'failed'], doc: 'Its tasks as well: all, or those that have failed' },
    all: { kind: 'flag', doc: 'Every connector there is' },
    ...connectionOptions,
  },
  examples: [
    'tributary restart trades --tasks failed',
    'tributary restart trades/0',
    'tributary restart --all --tasks failed',
  ],
  async run({ options, operands, io }) {
    const client = await openClient(options, io.env);
    return forEach(await chosen(client, operands, options.all), io, (name) => one(client, name, options.tasks));
  },
});

async function one(client: ConnectClient, name: string, tasks: string | undefined): Promise<string> {
  const task = /^(.+)\/(\d{1,9})$/.exec(name);
  // A name may hold a slash: then it is the connector's own.
  if (task !== null && !(await client.names()).includes(name)) {
    if (tasks !== undefined) throw new TributaryError('USAGE', `"${name}" is one task already: leave out --tasks.`);
    const [, connector, number] = task as unknown as [string, string, string];
    await named(client, connector, () => client.restartTask(connector, Number(number)));
    return `Task ${number} of connector "${connector}" restarted.`;
  }
  await named(client, name, () =>
    client.restart(name, tasks === undefined ? {} : { includeTasks: true, onlyFailed: tasks === 'failed' }),
  );
  return tasks === undefined
    ? `Connector "${name}" restarted.`
    : `Connector "${name}" restarted, with ${tasks === 'failed' ? 'what has failed of it' : 'all its tasks'}.`;
}
