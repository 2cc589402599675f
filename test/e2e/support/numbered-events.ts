/** A stream of numbered events that goes on behind the id of whoever comes back, and what a topic then holds of it. */
import { deepEqual, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface NumberedEvents extends AsyncDisposable {
  readonly url: string;
  /** The last event that anybody was sent. */
  readonly sent: () => number;
  /** Connections that are open. */
  readonly listeners: () => number;
  /** Nobody is sent more than so many events behind now: that number is given. */
  readonly endAfter: (count: number) => number;
}

/** An event every 10 ms to each client. */
export async function startNumberedEvents(): Promise<NumberedEvents> {
  let sent = 0;
  let last = Number.POSITIVE_INFINITY;
  let listeners = 0;
  const server = createServer((request, response) => {
    let next = Number(request.headers['last-event-id'] ?? 0) + 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => {
      if (next > last) return;
      sent = Math.max(sent, next);
      response.write(`id: ${next}\ndata: ${next++}\n\n`);
    }, 10);
    listeners++;
    response.on('close', () => {
      listeners--;
      clearInterval(timer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent: () => sent,
    listeners: () => listeners,
    endAfter(count) {
      last = sent + count;
      return last;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A connector that writes the numbers of such a stream. */
export const eventsConnector = (url: string, topic: string): Record<string, string> => ({
  'connector.class': 'sse',
  'sse.uri': url,
  topic,
  'retry.backoff.initial.ms': '50',
  transforms: 'data',
  'transforms.data.type': 'org.apache.kafka.connect.transforms.ExtractField$Value',
  'transforms.data.field': 'data',
});

/**
 * Each number from 1 to `last` is there; what is there twice are whole pieces that begin behind a stored offset: `again` of them at
 * most, each as long as what was written since.
 */
export function assertComplete(numbers: readonly number[], last: number, again: number): void {
  deepEqual(
    [...new Set(numbers)].sort((a, b) => a - b),
    Array.from({ length: last }, (_, i) => i + 1),
    'each event is there',
  );
  const steps = numbers.flatMap((number, i) => (i > 0 && number !== numbers[i - 1]! + 1 ? [i] : []));
  const told = steps.map((i) => `${numbers[i - 1]} → ${numbers[i]}`).join(', ');
  ok(steps.length <= again, `goes back ${steps.length} times, not ${again} at most: ${told}`);
}
