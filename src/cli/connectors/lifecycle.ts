/** `pause`, `resume`, `stop`, `delete`: the same call with another verb. */
import { TributaryError } from '../../base/errors.ts';
import { type Command, command } from '../command.ts';
import { chosen, connectionOptions, forEach, named, openClient } from './connection.ts';

const operands = [{ name: 'NAME', doc: 'the connector', optional: true, many: true }];

function lifecycle(verb: 'pause' | 'resume' | 'stop', summary: string, done: string): Command {
  return command({
    name: verb,
    summary,
    operands,
    options: { all: { kind: 'flag', doc: 'Every connector there is' }, ...connectionOptions },
    examples: [`tributary ${verb} trades`, `tributary ${verb} --all`],
    async run({ options, operands: names, io }) {
      const client = await openClient(options, io.env);
      return forEach(await chosen(client, names, options.all), io, async (name) => {
        await named(client, name, () => client[verb](name));
        return `Connector "${name}" ${done}.`;
      });
    },
  });
}

export const pause = lifecycle('pause', 'Pauses connectors; what they received is written first', 'is pausing');
export const resume = lifecycle('resume', 'Lets paused or stopped connectors run again', 'is starting');
export const stop = lifecycle('stop', 'Stops connectors: they have no tasks until they are resumed', 'is stopped');

export const remove = command({
  name: 'delete',
  summary: 'Deletes connectors; their topics and offsets stay',
  operands,
  options: {
    all: { kind: 'flag', doc: 'Every connector there is; wants --yes, too' },
    yes: { kind: 'flag', doc: 'Says that --all is meant' },
    ...connectionOptions,
  },
  examples: ['tributary delete trades'],
  async run({ options, operands: names, io }) {
    if (options.all && !options.yes) {
      throw new TributaryError('USAGE', '"--all" deletes every connector: say that it is meant with --yes.');
    }
    const client = await openClient(options, io.env);
    return forEach(await chosen(client, names, options.all), io, async (name) => {
      await named(client, name, () => client.delete(name));
      return `Connector "${name}" deleted.`;
    });
  },
});
