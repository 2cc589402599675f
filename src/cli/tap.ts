import type { TapRecord } from '../app/topics/topic-access.ts';
import { TributaryError } from '../base/errors.ts';
import { command } from './command.ts';
import { interruptSignal, writeAll } from './io.ts';
import { recordLine, recordOutput } from './record-output.ts';
import { openTopics, targetOptions } from './topic-target.ts';

export const tap = command({
  name: 'tap',
  summary: 'Prints the records of a topic as they come',
  operands: [{ name: 'TOPIC', doc: 'the topic to look into' }],
  options: {
    'from-beginning': { kind: 'flag', doc: 'Starts with the oldest record that is kept' },
    from: { kind: 'text', value: 'WHERE', doc: 'earliest, latest, an offset, -N (the last N), or a time (ISO 8601)' },
    limit: { kind: 'number', short: 'n', doc: 'Ends after so many records' },
    'no-follow': {
      kind: 'flag',
      doc: 'Ends at the end of the topic; starts with the oldest record unless told otherwise',
    },
    partition: { kind: 'number', short: 'p', doc: 'Only this partition' },
    key: { kind: 'text', short: 'k', doc: 'Only records with this key' },
    output: recordOutput,
    ...targetOptions,
  },
  examples: [
    'tributary tap trades',
    'tributary tap trades --from-beginning --limit 10',
    'tributary tap trades --from -5 --no-follow -o json',
  ],
  async run({ options, operands, io }) {
    if (options['from-beginning'] && options.from !== undefined) {
      throw new TributaryError('USAGE', 'Give either --from-beginning or --from, not both.');
    }
    const { parseFrom } = await import('../app/topics/tap-options.ts');
    const fromStart = options['from-beginning'] || (options['no-follow'] && options.from === undefined);
    const from = parseFrom(options.from ?? (fromStart ? 'earliest' : 'latest'));
    const show = shows[(options.output ?? 'text') as keyof typeof shows];
    const signal = interruptSignal();
    await using topics = await openTopics(options, io.env);
    const { limit, partition, key } = options;
    const wanted = { from, follow: !options['no-follow'], limit, partition, key };
    for await (const records of topics.tap(operands[0]!, wanted, signal)) {
      await writeAll(io.stdout, records.map((record) => `${show(record)}\n`).join(''));
    }
    return 0;
  },
});

const shows = {
  json: (record: TapRecord): string => JSON.stringify(record),
  value: ({ value }: TapRecord): string => value ?? '',
  text: (record: TapRecord): string => recordLine(record, `${record.partition}:${record.offset}`),
};
