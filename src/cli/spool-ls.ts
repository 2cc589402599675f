import type { SpoolLog } from '../app/spool/spool-access.ts';
import { command } from './command.ts';
import { writeLine } from './io.ts';
import { openSpool, spoolOptions } from './spool-target.ts';
import { table } from './table.ts';
import { outputOption } from './topic-target.ts';

export const spoolLs = command({
  name: 'spool ls',
  summary: 'Shows what was received and waits for Kafka on this machine',
  operands: [],
  options: { ...outputOption, ...spoolOptions },
  examples: ['tributary spool ls', 'tributary spool ls --dir ./spool -o json'],
  async run({ options, io }) {
    await using spool = await openSpool(options, io.env);
    const logs = await spool.list();
    const nowMs = Date.now();
    if (options.output === 'json') for (const log of logs) writeLine(io.stdout, JSON.stringify(log));
    else if (logs.length === 0) writeLine(io.stdout, 'Nothing was spooled.');
    else {
      const header = ['CONNECTOR', 'TASK', 'TOPIC', 'RECORDS', 'BYTES', 'OLDEST', 'FORWARDED', 'MODE'];
      writeLine(
        io.stdout,
        table(
          header,
          logs.map((log) => row(log, nowMs)),
        ),
      );
    }
    return 0;
  },
});

function row(log: SpoolLog, nowMs: number): (string | number)[] {
  const { connector, task, topic, records, bytes, oldestMs, position, end, mode, isOrphan } = log;
  const oldest = oldestMs === null ? '-' : showAge(nowMs - oldestMs);
  return [
    connector,
    task,
    topic,
    records,
    bytes,
    oldest,
    `${position} of ${end}`,
    isOrphan ? `${mode}, deleted` : mode,
  ];
}

/** `3.2 s`, `14 min`, `5 h`, `2 d` */
function showAge(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  if (seconds < 6000) return `${(seconds / 60).toFixed(0)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(0)} h` : `${(seconds / 86_400).toFixed(0)} d`;
}
