import { deepEqual, equal } from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { openTerminal } from './terminal.ts';

const clear = '\r\x1b[2K';
const line = '0 messages · 0 B · 0/s · lag 0 · 0 reconnects';

function output(terminal: { readonly columns: number } | undefined): {
  readonly stream: PassThrough;
  readonly text: () => string;
} {
  const stream = new PassThrough();
  if (terminal !== undefined) Object.assign(stream, { isTTY: true, getWindowSize: () => [terminal.columns, 24] });
  return { stream, text: () => String(stream.read() ?? '') };
}

test('on a terminal the live line is redrawn, and other lines go above it', () => {
  const { stream, text } = output({ columns: 100 });
  const terminal = openTerminal(stream, systemClock);
  terminal.write('hello\n');
  terminal.startCounting(new MetricRegistry());
  terminal.write('a log line\n');
  terminal.close();
  terminal.write('bye\n');
  equal(text(), `hello\n${line}${clear}a log line\n${line}${clear}${line}\nbye\n`);
});

for (const [columns, shown] of [
  [20, line.slice(0, 19)],
  [0, line], // a terminal that does not know its size
] as const) {
  test(`the live line fits a terminal of ${columns} columns`, () => {
    const { stream, text } = output({ columns });
    const terminal = openTerminal(stream, systemClock);
    terminal.startCounting(new MetricRegistry());
    equal(text(), shown);
    terminal.close();
  });
}

test('elsewhere the counts are plain lines', () => {
  const { stream, text } = output(undefined);
  const terminal = openTerminal(stream, systemClock);
  terminal.startCounting(new MetricRegistry());
  equal(text(), '');
  terminal.close();
  terminal.close();
  deepEqual(text().split('\n'), [line, '']);
});
