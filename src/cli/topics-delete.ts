import { command } from './command.ts';
import { writeLine } from './io.ts';
import { openTopics, targetOptions } from './topic-target.ts';

export const topicsDelete = command({
  name: 'topics delete',
  summary: 'Deletes a topic and all its records',
  operands: [{ name: 'TOPIC', doc: 'the topic to delete' }],
  options: targetOptions,
  examples: ['tributary topics delete trades'],
  async run({ options, operands, io }) {
    await using topics = await openTopics(options, io.env);
    await topics.delete(operands[0]!);
    writeLine(io.stdout, `Topic "${operands[0]!}" deleted.`);
    return 0;
  },
});
