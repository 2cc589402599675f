import { isError, TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import { command } from '../command.ts';
import { writeLine } from '../io.ts';
import { table } from '../table.ts';
import { connectionOptions, formOption, openClient, show } from './connection.ts';

export const loggersGet = command({
  name: 'loggers get',
  summary: 'Shows the loggers of a worker and the level of each',
  operands: [{ name: 'LOGGER', doc: 'only this one', optional: true }],
  options: { ...formOption, ...connectionOptions },
  examples: ['tributary loggers get', 'tributary loggers get root'],
  async run({ options, operands: [name], io }) {
    const client = await openClient(options, io.env);
    const all = await client.loggers();
    if (name !== undefined && all[name] === undefined) {
      throw new TributaryError('NOT_FOUND', `Logger "${name}" does not exist.${suggest(name, Object.keys(all))}`);
    }
    const shown = name === undefined ? all : { [name]: all[name]! };
    const rows = Object.entries(shown).map(([logger, { level, last_modified: at }]) => [
      logger,
      level,
      typeof at === 'number' ? new Date(at).toISOString() : '-',
    ]);
    await show(io, options.output, shown, () => table(['LOGGER', 'LEVEL', 'CHANGED'], rows));
    return 0;
  },
});

export const loggersSet = command({
  name: 'loggers set',
  summary: 'Sets the level of a logger and of those below it, until the worker ends',
  operands: [
    { name: 'LOGGER', doc: 'its name, or root' },
    { name: 'LEVEL', doc: 'OFF, FATAL, ERROR, WARN, INFO, DEBUG or TRACE' },
  ],
  options: {
    scope: { kind: 'text', choices: ['worker', 'cluster'], doc: 'This worker (default), or all of its group' },
    ...connectionOptions,
  },
  examples: ['tributary loggers set root DEBUG', 'tributary loggers set tributary.worker WARN --scope cluster'],
  async run({ options, operands: [name = '', level = ''], io }) {
    const client = await openClient(options, io.env);
    try {
      const changed = await client.setLogger(
        name,
        level.toUpperCase(),
        options.scope === 'cluster' ? 'cluster' : 'worker',
      );
      if (changed === undefined)
        writeLine(io.stdout, `Level ${level.toUpperCase()} set for "${name}" on every worker.`);
      else writeLine(io.stdout, changed.length === 0 ? 'Nothing changed.' : changed.join('\n'));
      return 0;
    } catch (error) {
      // The worker knows no such level, and says so with 404.
      if (isError(error, 'NOT_FOUND')) throw new TributaryError('USAGE', `${error.message}${suggest(level, levels)}`);
      throw error;
    }
  },
});

const levels = ['OFF', 'FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'];
