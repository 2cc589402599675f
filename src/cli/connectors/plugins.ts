import { isError, TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { OptionInfo } from '../../rest/client.ts';
import { command } from '../command.ts';
import { table } from '../table.ts';
import { connectionOptions, formOption, openClient, show } from './connection.ts';

export const plugins = command({
  name: 'plugins',
  summary: 'Lists what a worker can run, or the options of one plugin',
  operands: [{ name: 'CLASS', doc: 'the plugin whose options are shown', optional: true }],
  options: {
    all: { kind: 'flag', doc: 'Transforms, predicates and converters as well as connectors' },
    ...formOption,
    ...connectionOptions,
  },
  examples: ['tributary plugins --all', 'tributary plugins WebSocketSourceConnector'],
  async run({ options, operands: [name], io }) {
    const client = await openClient(options, io.env);
    if (name === undefined) {
      const found = await client.plugins(!options.all);
      const rows = found.map(({ class: className, type, version }) => [type, className, version ?? '-']);
      await show(io, options.output, found, () => table(['TYPE', 'CLASS', 'VERSION'], rows));
      return 0;
    }
    try {
      const found = await client.plugin(name);
      await show(io, options.output, found, () => optionTable(found));
      return 0;
    } catch (error) {
      if (!isError(error, 'NOT_FOUND')) throw error;
      const known = (await client.plugins(false)).flatMap(({ class: className }) => [
        className,
        className.slice(className.lastIndexOf('.') + 1),
      ]);
      throw new TributaryError('NOT_FOUND', `Plugin "${name}" does not exist.${suggest(name, known)}`);
    }
  },
});

function optionTable(options: readonly OptionInfo[]): string {
  const rows = options.map(({ name, type, required, default_value: usual, documentation }) => [
    name,
    type,
    required ? 'required' : (usual ?? '-'),
    documentation,
  ]);
  return table(['KEY', 'TYPE', 'DEFAULT', 'MEANING'], rows);
}
