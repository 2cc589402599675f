import { TributaryError } from '../../base/errors.ts';
import { command } from '../command.ts';
import { writeLine } from '../io.ts';
import { connectionOptions, named, openClient } from './connection.ts';

export const patch = command({
  name: 'patch',
  summary: 'Changes some keys of a connector',
  operands: [{ name: 'NAME', doc: 'the connector' }],
  options: {
    set: { kind: 'texts', short: 's', value: 'KEY=VALUE', doc: 'Key to change or add' },
    remove: { kind: 'texts', short: 'r', value: 'KEY', doc: 'Key to take away' },
    ...connectionOptions,
  },
  examples: ['tributary patch trades --set tasks.max=2 --remove transforms'],
  async run({ options, operands: [name = ''], io }) {
    const entries: [string, string | null][] = [
      ...options.set.map(entry),
      ...options.remove.map((key) => [key, null] as [string, null]),
    ];
    if (entries.length === 0)
      throw new TributaryError('USAGE', 'What shall change? Give --set KEY=VALUE or --remove KEY.');
    const client = await openClient(options, io.env);
    await named(client, name, () => client.patchConfig(name, Object.fromEntries(entries)));
    writeLine(io.stdout, `Connector "${name}" changed: ${entries.map(([key]) => key).join(', ')}.`);
    return 0;
  },
});

function entry(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new TributaryError('USAGE', `Cannot use "${text}" for "--set": must be KEY=VALUE.`);
  return [text.slice(0, at), text.slice(at + 1)];
}
