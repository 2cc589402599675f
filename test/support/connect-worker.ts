/** A fresh worker in Kafka Connect's form with the two stand-in servers, and requests to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { recordingLog } from '../../src/telemetry/log.ts';
import { startFreshWorker } from '../conformance/runners/connect/fresh-worker.ts';
import { startStandIns } from '../conformance/runners/connect/stand-ins.ts';

export interface ConnectAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly location: string | null;
}

export interface ConnectWorker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of a WebSocket that sends three messages to each connection, and of one that is silent. */
  readonly feed: { readonly three: string; readonly quiet: string };
  ask(request: string, body?: unknown): Promise<ConnectAnswer>;
  /** Asks until the answer fits. */
  until(request: string, fits: (answer: ConnectAnswer) => boolean): Promise<ConnectAnswer>;
}

const patienceMs = 30_000;

export async function connectWorker(): Promise<ConnectWorker> {
  await using opened = new AsyncDisposableStack();
  const standIns = opened.use(await startStandIns('any'));
  const { url } = opened.use(await startFreshWorker(undefined, recordingLog([])));
  const running = opened.move();
  const host = standIns.addresses.get('127.0.0.1:9901')!;

  const ask = async (request: string, body?: unknown): Promise<ConnectAnswer> => {
    const [method = '', path = ''] = request.split(' ');
    const answer = await fetch(url + path, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
    const location = answer.headers.get('location');
    return { status: answer.status, body: isJson && text !== '' ? JSON.parse(text) : text, location };
  };
  return {
    url,
    port: Number(new URL(url).port),
    feed: { three: `ws://${host}/three`, quiet: `ws://${host}/quiet` },
    ask,
    async until(request, fits) {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        const answer = await ask(request);
        if (fits(answer)) return answer;
        if (performance.now() > deadline) {
          throw new Error(`${request} did not come to fit: ${answer.status} ${JSON.stringify(answer.body)}`);
        }
        await sleep(50);
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export const webSocketClass = 'io.conduktor.connect.websocket.WebSocketSourceConnector';

/** True for a status of one task that is in this state, as the connector is. */
export function isAll(state: string): (answer: ConnectAnswer) => boolean {
  return ({ body }) => {
    const { connector, tasks } = body as {
      readonly connector?: { readonly state: string };
      readonly tasks?: readonly { readonly state: string }[];
    };
    return connector?.state === state && tasks?.length === 1 && tasks[0]?.state === state;
  };
}
