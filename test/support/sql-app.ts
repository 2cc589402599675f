/** A script at work on real servers, without a worker. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { sseSource } from '../../src/connectors/sse-source/connector.ts';
import { webSocketSink } from '../../src/connectors/websocket-sink/connector.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import { SqlRun, type World } from '../../src/sql/runtime/run.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';

export interface FeedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly received: { readonly text: string; readonly binary: boolean }[];
  readonly headers: Record<string, string | string[] | undefined>[];
  readonly sockets: WebSocket[];
}

/** Sends `messages` to whoever connects, and keeps what comes. */
export async function feedServer(messages: readonly (string | Buffer)[] = [], port = 0): Promise<FeedServer> {
  const listening = new WebSocketServer({ host: '127.0.0.1', port });
  await once(listening, 'listening');
  const found: Omit<FeedServer, keyof AsyncDisposable> = {
    url: `ws://127.0.0.1:${(listening.address() as AddressInfo).port}/`,
    port: (listening.address() as AddressInfo).port,
    received: [],
    headers: [],
    sockets: [],
  };
  listening.on('connection', (socket, request) => {
    found.sockets.push(socket);
    found.headers.push(request.headers);
    socket.on('message', (data, binary) => found.received.push({ text: data.toString(), binary }));
    for (const message of messages) socket.send(message);
  });
  return {
    ...found,
    async [Symbol.asyncDispose]() {
      for (const socket of listening.clients) socket.terminate();
      listening.close();
      await once(listening, 'close');
    },
  };
}

/** An address where nobody listens. */
export async function closedServer(): Promise<{ readonly url: string; readonly port: number }> {
  const server = await feedServer();
  await server[Symbol.asyncDispose]();
  return server;
}

export interface SqlApp extends AsyncDisposable {
  readonly run: SqlRun;
  readonly lines: string[];
  readonly log: LogEntry[];
  readonly statuses: string[];
  readonly done: Promise<void>;
  stop(): Promise<void>;
  /** All that could be seen from outside, as text. */
  everythingSaid(): string;
}

/** `nowMs`: the time of the application alone, which its connections do not see. */
export function startSql(script: string, broker?: Broker, nowMs?: () => number): SqlApp {
  const lines: string[] = [];
  const log: LogEntry[] = [];
  const statuses: string[] = [];
  const world: World = {
    clock: nowMs === undefined ? systemClock : { nowMs, monotonicMs: () => systemClock.monotonicMs() },
    random: () => 0.5,
    log: recordingLog(log),
    metrics: new MetricRegistry().root(),
    print: (line) => lines.push(line),
    source: (extension) => (extension === 'sse' ? sseSource() : webSocketSource),
    sink: () => webSocketSink,
    broker: async () => broker!,
    context: (stream, signal) => ({
      connector: stream,
      task: 0,
      clock: systemClock,
      random: () => 0.5,
      log: recordingLog(log),
      metrics: new MetricRegistry().root(),
      outbound: unrestricted,
      signal,
      setStatus: (detail) => statuses.push(detail ?? 'connected'),
    }),
  };
  const run = new SqlRun(script, world);
  const abort = new AbortController();
  const done = run.run(abort.signal);
  let failure: unknown;
  done.catch((error: unknown) => {
    failure = error; // a test that expects it to fail awaits it
  });
  const stop = async (): Promise<void> => {
    abort.abort();
    await done;
  };
  return {
    run,
    lines,
    log,
    statuses,
    done,
    stop,
    everythingSaid: () => JSON.stringify([log, statuses, String(failure)]),
    [Symbol.asyncDispose]: () => stop().catch(() => {}),
  };
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** `more` begins with a comma. */
export function webSocketStream(
  type: 'source' | 'sink',
  name: string,
  columns: string,
  url: string,
  more = '',
  format = 'json',
): string {
  return `CREATE STREAM ${name} (${columns}) WITH (type = '${type}', extension = 'websocket', format = '${format}', "websocket.url" = '${url}'${more});\n`;
}

export const deadLetters = `CREATE STREAM Dead (originalEvent STRING, errorMessage STRING, errorType STRING, timestamp LONG, attemptCount INT, streamName STRING)
  WITH (type = 'sink', extension = 'log', format = 'json');\n`;
