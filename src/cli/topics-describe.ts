import { command } from './command.ts';
import { writeLine } from './io.ts';
import { table } from './table.ts';
import { openTopics, outputOption, targetOptions } from './topic-target.ts';

export const topicsDescribe = command({
  name: 'topics describe',
  summary: 'Shows partitions, offsets and configuration of a topic',
  operands: [{ name: 'TOPIC', doc: 'the topic' }],
  options: { ...outputOption, ...targetOptions },
  examples: ['tributary topics describe trades'],
  async run({ options, operands, io }) {
    await using topics = await openTopics(options, io.env);
    const topic = await topics.describe(operands[0]!);
    if (options.output === 'json') {
      writeLine(io.stdout, JSON.stringify(topic));
      return 0;
    }
    writeLine(io.stdout, `${topic.name}  ${topic.id}`);
    for (const [key, value] of Object.entries(topic.config)) writeLine(io.stdout, `${key}=${value}`);
    const rows = topic.partitions.map(({ partition, leader, replicas, earliest, latest }) => [
      partition,
      earliest,
      latest,
      leader,
      replicas.join(','),
    ]);
    writeLine(io.stdout, table(['PARTITION', 'EARLIEST', 'LATEST', 'LEADER', 'REPLICAS'], rows));
    return 0;
  },
});
