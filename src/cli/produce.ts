import { command } from './command.ts';
import { writeLine } from './io.ts';
import { openTopics, outputOption, targetOptions } from './topic-target.ts';

export const produce = command({
  name: 'produce',
  summary: 'Writes lines from standard input to a topic',
  operands: [{ name: 'TOPIC', doc: 'the topic to write to' }],
  options: {
    json: {
      kind: 'flag',
      short: 'j',
      doc: 'Each line is JSON: {"value", "key", "headers", "partition", "timestamp"}; without it each line is a value',
    },
    'key-separator': { kind: 'text', short: 'K', doc: 'What stands before the first of these is the key of the line' },
    ...outputOption,
    ...targetOptions,
  },
  examples: [
    'echo hello | tributary produce greetings',
    `echo '{"key":"a","value":{"n":1},"headers":{"trace":"7"}}' | tributary produce events --json`,
    'tributary tap trades --no-follow -o json | tributary produce trades-copy --json',
  ],
  async run({ options, operands, io }) {
    const { readRecords } = await import('../app/topics/read-records.ts');
    await using topics = await openTopics(options, io.env);
    const input = readRecords(io.stdin, { json: options.json, keySeparator: options['key-separator'] });
    const records = await topics.produce(operands[0]!, input);
    if (options.output === 'json') writeLine(io.stdout, JSON.stringify({ topic: operands[0], records }));
    else
      writeLine(
        io.stderr,
        `${records} ${records === 1 ? 'record' : 'records'} written to "${operands[0]!}" (${topics.via}).`,
      );
    return 0;
  },
});
