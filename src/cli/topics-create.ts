import { TributaryError } from '../base/errors.ts';
import { command } from './command.ts';
import { writeLine } from './io.ts';
import { openTopics, outputOption, targetOptions } from './topic-target.ts';

export const topicsCreate = command({
  name: 'topics create',
  summary: 'Creates a topic',
  operands: [{ name: 'TOPIC', doc: 'name of the new topic' }],
  options: {
    partitions: { kind: 'number', short: 'p', doc: 'Number of partitions (default 1)' },
    'replication-factor': { kind: 'number', doc: 'Copies of each partition (default: as the broker has it)' },
    set: { kind: 'texts', value: 'KEY=VALUE', doc: 'Entry of the topic configuration, such as retention.ms=3600000' },
    ...outputOption,
    ...targetOptions,
  },
  examples: [
    'tributary topics create trades',
    'tributary topics create prices --partitions 3 --set cleanup.policy=compact',
  ],
  async run({ options, operands, io }) {
    const config = Object.fromEntries(options.set.map(entry));
    await using topics = await openTopics(options, io.env);
    const created = await topics.create({
      name: operands[0]!,
      partitions: options.partitions,
      replicationFactor: options['replication-factor'],
      config,
    });
    if (options.output === 'json') writeLine(io.stdout, JSON.stringify(created));
    else writeLine(io.stdout, `Topic "${created.name}" created with ${created.partitions.length} partition(s).`);
    return 0;
  },
});

function entry(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new TributaryError('USAGE', `Cannot use "${text}" for "--set": must be KEY=VALUE.`);
  return [text.slice(0, at), text.slice(at + 1)];
}
