import { command } from './command.ts';
import { writeLine } from './io.ts';
import { table } from './table.ts';
import { openTopics, outputOption, targetOptions } from './topic-target.ts';

export const topicsList = command({
  name: 'topics list',
  summary: 'Lists the topics',
  operands: [],
  options: { ...outputOption, ...targetOptions },
  examples: ['tributary topics list', 'tributary topics list --broker kafka://localhost:9092 -o json'],
  async run({ options, io }) {
    await using topics = await openTopics(options, io.env);
    const list = await topics.list();
    if (options.output === 'json') writeLine(io.stdout, JSON.stringify(list));
    else if (list.length === 0) writeLine(io.stderr, `There are no topics (${topics.via}).`);
    else {
      const rows = list.map(({ name, partitions, records }) => [name, partitions, records]);
      writeLine(io.stdout, table(['TOPIC', 'PARTITIONS', 'RECORDS'], rows));
    }
    return 0;
  },
});
