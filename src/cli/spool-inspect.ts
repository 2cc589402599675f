import type { SpoolEntry } from '../app/spool/spool-access.ts';
import { command } from './command.ts';
import { interruptSignal, writeAll } from './io.ts';
import { recordLine, recordOutput } from './record-output.ts';
import { openSpool, spoolOptions } from './spool-target.ts';

export const spoolInspect = command({
  name: 'spool inspect',
  summary: 'Prints the records of a connector that wait for Kafka, and names damaged ranges',
  operands: [{ name: 'CONNECTOR', doc: 'the connector that received them' }],
  options: {
    task: { kind: 'number', doc: 'Only of this task' },
    topic: { kind: 'text', doc: 'Only what goes to this topic of Kafka' },
    from: { kind: 'number', doc: 'Starts with this offset of the log instead of the oldest record that waits' },
    limit: { kind: 'number', short: 'n', doc: 'Ends after so many records' },
    output: recordOutput,
    ...spoolOptions,
  },
  examples: ['tributary spool inspect trades -n 10', 'tributary spool inspect trades --dir ./spool -o json'],
  async run({ options, operands, io }) {
    const { task, topic, from, limit } = options;
    const show = shows[(options.output ?? 'text') as keyof typeof shows];
    const wanted = {
      ...(task === undefined ? {} : { task }),
      ...(topic === undefined ? {} : { topic }),
      ...(from === undefined ? {} : { from }),
      ...(limit === undefined ? {} : { limit }),
    };
    const signal = interruptSignal();
    await using spool = await openSpool(options, io.env);
    for await (const entries of spool.inspect(operands[0]!, wanted, signal))
      await writeAll(io.stdout, entries.map(show).join(''));
    return 0;
  },
});

const shows = {
  json: (entry: SpoolEntry): string => `${JSON.stringify(entry)}\n`,
  value: (entry: SpoolEntry): string => ('damaged' in entry ? '' : `${entry.value ?? ''}\n`),
  text(entry: SpoolEntry): string {
    const { task, topic } = entry;
    if ('damaged' in entry) {
      const { from, to, reason } = entry.damaged;
      return `(damaged: offsets ${from} to ${to - 1} of task ${task} for ${topic}: ${reason})\n`;
    }
    return `${recordLine(entry, `${topic} ${task}:${entry.offset}`)}\n`;
  },
};
