/**
 * The end of each recorded stream, played to a whole worker: state of the task, offsets, number of records, order of their
 * times. Where ours differs on purpose, deviations.md says how and why.
 */
import { deepEqual, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type ConnectWorker, connectWorker } from '../support/connect-worker.ts';
import { type SseServer, startSseServer } from '../support/sse-server.ts';
import { WsServer } from '../support/ws-server.ts';
import { readRecordDeviations } from './runners/connect/deviations.ts';

interface Line {
  readonly case: string;
  readonly input?: { readonly label: string; readonly opcode?: string; readonly base64?: string };
  readonly task?: { readonly state: string };
  readonly offsets?: readonly { readonly partition: object; readonly offset: object }[];
  readonly record_count?: number;
  readonly timestamps_ascending?: boolean;
}

const lines = readFileSync(new URL('connect/records.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);
const ends = lines.filter(({ case: id }) => id.endsWith('/after'));
const deviations = readRecordDeviations();
const used = new Set<string>();

const inputs = (start: string): Buffer[] =>
  lines
    .filter(({ case: id, input }) => id.startsWith(start) && input !== undefined)
    .map(({ input }) => bytesOf(input!));
const json = 'org.apache.kafka.connect.json.JsonConverter';
const converters: Readonly<Record<string, Record<string, string>>> = {
  string: { converter: 'org.apache.kafka.connect.storage.StringConverter' },
  'json-schemaless': { converter: json, 'converter.schemas.enable': 'false' },
  'json-schema': { converter: json, 'converter.schemas.enable': 'true' },
};

let worker: ConnectWorker;
let frames: WsServer;
let tooLarge: WsServer;
let events: SseServer;

before(async () => {
  worker = await connectWorker();
  const opcodes = lines.filter(({ case: id }) => id.startsWith('websocket/frames/string/')).map(({ input }) => input);
  const payloads = inputs('websocket/frames/string/');
  frames = await WsServer.start({
    onOpen(peer) {
      for (const [n, payload] of payloads.entries())
        peer.send({ opcode: opcodes[n]?.opcode === 'text' ? 1 : 2, payload });
    },
  });
  tooLarge = await WsServer.start({
    onOpen(peer) {
      for (const text of ['ok', 'x'.repeat(1_048_576), 'after']) peer.text(text);
    },
  });
  const bom = '\ufeffevent: bom\nid: 1\ndata: after bom\n\nevent: end\nid: 2\ndata: end\n\n';
  const blocks = Buffer.concat(inputs('sse/events/string/'));
  events = await startSseServer((x) => void x.open().write(x.path === '/bom' ? bom : blocks));
});

after(async () => {
  await worker?.[Symbol.asyncDispose]();
  await frames?.[Symbol.asyncDispose]();
  await tooLarge?.[Symbol.asyncDispose]();
  await events?.[Symbol.asyncDispose]();
});

for (const end of ends) {
  const [source, stream, converter] = end.case.split('/') as [string, string, string];
  const deviation = deviations.find(({ case: id }) => id === `${source}/${stream}/*/after`);
  test(`${end.case}${deviation === undefined ? ' as recorded' : `: other, because ${deviation.why}`}`, async () => {
    const recorded = {
      state: end.task!.state,
      offsets: end.offsets,
      record_count: end.record_count,
      timestamps_ascending: end.timestamps_ascending,
    };
    if (deviation !== undefined) used.add(deviation.case);
    const wanted = { ...recorded, ...(deviation?.ours as object | undefined) };
    const name = end.case.replaceAll('/', '-');
    const url = { frames: frames.url, 'too-large': tooLarge.url }[stream] ?? `${events.origin}/${stream}`;
    const both = Object.entries(converters[converter]!).flatMap(([key, value]) =>
      ['key', 'value'].map((side) => [`${side}.${key}`, value]),
    );
    const config = {
      ...Object.fromEntries(both),
      ...(source === 'websocket'
        ? { 'connector.class': 'websocket', 'websocket.url': url, 'kafka.topic': name, 'websocket.binary': 'drop' }
        : { 'connector.class': 'sse', 'sse.uri': url, topic: name }),
    };
    await worker.ask('POST /connectors', { name, config });
    const seen = async (): Promise<unknown> => {
      const tapped = await fetch(`${worker.url}/tap/${name}?from=earliest&follow=false`);
      const records = tapped.ok ? (await tapped.text()).split('\n').filter((line) => line !== '') : [];
      const times = records.map((line) => (JSON.parse(line) as { timestamp: number }).timestamp);
      const status = (await worker.ask(`GET /connectors/${name}/status`)).body as { tasks?: { state: string }[] };
      const { offsets } = (await worker.ask(`GET /connectors/${name}/offsets`)).body as { offsets: unknown };
      const text = JSON.stringify(offsets).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>');
      return {
        state: status.tasks?.[0]?.state,
        offsets: JSON.parse(text.replaceAll(/127\.0\.0\.1:\d+[^"]*/g, `<stand-in>/${stream}`)),
        record_count: records.length,
        timestamps_ascending: times.every((time, n) => n === 0 || time >= times[n - 1]!),
      };
    };
    const deadline = performance.now() + 60_000;
    let last = await seen();
    while (!same(last, wanted) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      last = await seen();
    }
    deepEqual(last, wanted);
    if (wanted.state === 'FAILED') {
      const { body } = await worker.ask(`GET /connectors/${name}/status`);
      match(JSON.stringify(body), /bytes/);
    }
    ok(deviation === undefined || !same(wanted, recorded), 'the deviation is none any more');
  });
}

test('every deviation of an end is of a stream that there is', () => {
  deepEqual(
    [...used].sort(),
    deviations
      .map(({ case: id }) => id)
      .filter((id) => id.endsWith('/after'))
      .sort(),
  );
});

function bytesOf({ label, base64 }: NonNullable<Line['input']>): Buffer {
  if (label === 'text-1MB') return Buffer.alloc(1_000_000, 'x');
  if (label === '64KB-data') return Buffer.from(`event: e25\nid: 25\ndata: ${'y'.repeat(65_536)}\n\n`);
  return Buffer.from(base64!, 'base64');
}

function same(a: unknown, b: unknown): boolean {
  try {
    deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
