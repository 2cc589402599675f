/** SSE and NDJSON out (PROTOCOL.md, section 6). One connection of the gateway, as those over WebSocket are. */
import type { ServerResponse } from 'node:http';
import type { ConsumedRecord } from '../../record/record.ts';
import type { GatewayFault } from '../../wire/gateway/codes.ts';
import { recordJson } from '../../wire/gateway/record-json.ts';
import { errorFrame, gapObject, pingFrame } from '../../wire/gateway/server-frames.ts';
import { bareEvent, sseEvent, streamId } from '../../wire/gateway/sse-events.ts';
import { readStreamQuery, type StreamDefaults, type StreamQuery } from '../../wire/gateway/stream-query.ts';
import { countDelivered } from '../count-delivered.ts';
import type { Piece, Taken } from '../delivery.ts';
import { FaultError } from '../faults.ts';
import type { GatewayConnection, GatewayParts, SubscriptionState } from '../gateway-parts.ts';
import { encodeTexts } from '../hub/encoded-records.ts';
import { type OpenDelivery, openShared } from '../open-delivery.ts';
import type { SharedDelivery } from '../shared-delivery.ts';
import { StallWatch } from '../stall-watch.ts';
import { StreamPosition } from '../stream-position.ts';
import { negotiate } from './accept.ts';
import type { HttpContext } from './http-context.ts';

const sseType = 'text/event-stream';
const ndjsonType = 'application/x-ndjson';
const maxFrameRecords = 500;
const maxFrameBytes = 262_144;
const halfClosedMs = 5000;

/** Which of the two a request wants; undefined where neither is accepted. */
export function streamProtocol(accept: string | undefined): 'sse' | 'ndjson' | undefined {
  const type = negotiate(accept, [sseType, ndjsonType]);
  if (type === undefined) return undefined;
  return type === ndjsonType ? 'ndjson' : 'sse';
}

/** Throws QueryFault, FaultError and the broker's errors before the first byte. */
export async function openStream(
  context: HttpContext,
  protocol: 'sse' | 'ndjson',
  defaults: StreamDefaults,
  onClosed: (connection: StreamConnection, code: number) => void,
): Promise<StreamConnection> {
  const { parts, request, response, query, rights } = context;
  const lastEventId = request.headers['last-event-id'];
  const wanted = readStreamQuery(
    query,
    typeof lastEventId === 'string' ? lastEventId : undefined,
    defaults,
    parts.settings.limits.topics,
  );
  let connection: StreamConnection | undefined;
  let failed: GatewayFault | undefined;
  const open = await openShared({ ...wanted, group: null }, rights, parts.delivery, {
    onReady: () => connection?.ready(),
    onPartitions: () => {},
    onFailed: (fault) => {
      failed = fault;
      connection?.fail(fault);
    },
  });
  if (failed !== undefined || response.destroyed) {
    await open.close();
    throw new FaultError(failed ?? { code: 'unavailable', message: 'the client has left' });
  }
  connection = new StreamConnection(context, protocol, wanted, open, onClosed);
  connection.start();
  return connection;
}

export class StreamConnection implements GatewayConnection {
  readonly protocol: 'sse' | 'ndjson';
  readonly publishBytes = 0;
  readonly #parts: GatewayParts;
  readonly #context: HttpContext;
  readonly #query: StreamQuery;
  readonly #open: OpenDelivery<SharedDelivery>;
  readonly #response: ServerResponse;
  /** Position behind each record, for the events' ids. */
  readonly #position: StreamPosition;
  readonly #stall: StallWatch;
  #rights: HttpContext['rights'];
  #pumpScheduled = false;
  #isOver = false;
  #endedAtMs: number | undefined;
  #wroteAtMs: number;
  #seq = 0;

  constructor(
    context: HttpContext,
    protocol: 'sse' | 'ndjson',
    query: StreamQuery,
    open: OpenDelivery<SharedDelivery>,
    onClosed: (connection: StreamConnection, code: number) => void,
  ) {
    this.#context = context;
    this.#parts = context.parts;
    this.#query = query;
    this.#open = open;
    this.#rights = context.rights;
    this.#response = context.response;
    this.protocol = protocol;
    this.#position = new StreamPosition(open.delivery);
    this.#wroteAtMs = context.parts.clock.monotonicMs();
    this.#stall = new StallWatch(this.#wroteAtMs);
    this.#response.on('drain', () => this.ready());
    this.#response.on('close', () => {
      this.#isOver = true;
      void open.close();
      onClosed(this, 1000);
    });
  }

  get principal(): string | null {
    return this.#context.identity.principal;
  }

  get waitingBytes(): number {
    return this.#response.writableLength + this.#open.delivery.waitingBytes;
  }

  subscriptions(): readonly SubscriptionState[] {
    return [this.#open.delivery.state];
  }

  start(): void {
    const { retryMs } = this.#parts.settings.sse;
    this.#response.writeHead(200, {
      'content-type': this.protocol === 'sse' ? sseType : ndjsonType,
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    if (this.protocol === 'sse') this.#response.write(`retry: ${retryMs}\n: ok\n\n`);
    else this.#response.flushHeaders();
    this.ready();
  }

  ready(): void {
    if (this.#pumpScheduled || this.#isOver) return;
    this.#pumpScheduled = true;
    this.#parts.turn.add(this);
  }

  runTurn(): void {
    this.#pumpScheduled = false;
    this.#pump();
  }

  /** Tells the reason and ends the stream. */
  fail(fault: GatewayFault): void {
    if (this.#isOver) return;
    this.#pump(); // what led to it comes first
    const error = errorFrame(null, fault);
    this.#end(this.protocol === 'sse' ? sseEvent({ event: 'error', data: error }) : `${error}\n`);
  }

  tick(nowMs: number): void {
    if (this.#endedAtMs !== undefined) {
      if (nowMs - this.#endedAtMs > halfClosedMs) this.destroy();
      return;
    }
    const { settings, clock, metrics } = this.#parts;
    const { expiresMs } = this.#context.identity;
    if (expiresMs !== null && clock.nowMs() >= expiresMs) {
      this.fail({ code: 'unauthorized', message: 'the token has expired' });
      return;
    }
    if (nowMs - this.#wroteAtMs >= settings.sse.heartbeatMs)
      this.#write(this.protocol === 'sse' ? ': hb\n\n' : `${pingFrame}\n`);
    if (this.#stall.isStalled(this.#response.writableLength, nowMs, settings.limits.stallMs)) {
      metrics.slowCloses.value++;
      this.destroy();
    }
  }

  recheck(): void {
    if (!this.#parts.isKnown(this.#context.identity)) {
      this.fail({ code: 'unauthorized', message: 'the token is not accepted any more' });
      return;
    }
    this.#rights = this.#parts.rights(this.#context.identity);
    if (!this.#open.recheck(this.#rights)) this.fail({ code: 'forbidden', message: 'it may not be read any more' });
  }

  drain(afterMs: number): void {
    this.#end(this.protocol === 'sse' ? `retry: ${Math.max(1, Math.round(afterMs))}\n\n` : '');
  }

  shed(): void {
    this.fail({ code: 'unavailable', message: 'the gateway has no memory left' });
  }

  destroy(): void {
    this.#response.destroy();
  }

  #pump(): void {
    const { delivery } = this.#open;
    const queue = this.#parts.queueBytes();
    while (!this.#isOver) {
      const room = queue - this.#response.writableLength;
      const taken = room > 0 ? delivery.take(maxFrameRecords, Math.min(maxFrameBytes, room)) : undefined;
      if (taken === undefined) {
        if (room <= 0) delivery.overflow(0);
        return;
      }
      if (this.protocol === 'sse') this.#writeEvents(taken);
      else this.#write(this.#lines(taken));
      countDelivered(taken, this.protocol, this.#parts.metrics, this.#parts.clock.monotonicMs());
    }
  }

  #writeEvents(taken: Taken): void {
    for (const item of taken.items) {
      if (item.kind === 'gap') {
        this.#position.passGap(item.gap);
        this.#write(sseEvent({ event: 'gap', data: gapObject(item.gap) }));
      } else this.#write(this.#eventsOf(item));
    }
  }

  #eventsOf({ chunk, start, end }: Piece): string | Buffer {
    const { topic, partition, records } = chunk;
    // The ids of a stream of one partition depend on nothing but the record: its events are made once for all clients.
    const shared = this.#position.shared;
    if (shared !== undefined) {
      const { format, id, envelope } = this.#query;
      const name = `sse ${format} ${id} ${envelope} ${shared.tag} ${shared.partitions}`;
      const { bytes, starts } = chunk.encoded(name, () =>
        encodeTexts(records.length, (at) => this.#event(topic, partition, records[at]!)),
      );
      this.#position.pass(topic, partition, records[end - 1]!.offset + 1);
      return bytes.subarray(starts[start], starts[end]);
    }
    let text = '';
    for (let at = start; at < end; at++) text += this.#event(topic, partition, records[at]!);
    return text;
  }

  #event(topic: string, partition: number, record: ConsumedRecord): string {
    const { format, envelope, id: idForm } = this.#query;
    this.#position.pass(topic, partition, record.offset + 1);
    const id = idForm === 'pos' ? this.#position.text() : streamId(this.#position.next());
    if (envelope === 'none') return bareEvent(record, format, id);
    return sseEvent({ id, data: recordJson(topic, partition, record, format) });
  }

  #lines(taken: Taken): string {
    let text = '';
    const records: string[] = [];
    const frame = (withPos: boolean): void => {
      if (records.length === 0) return;
      const pos = withPos ? `,"pos":"${this.#open.delivery.position()}"` : '';
      text += `{"type":"data","seq":${++this.#seq},"records":[${records.join(',')}]${pos}}\n`;
      records.length = 0;
    };
    for (const item of taken.items) {
      if (item.kind === 'records') records.push(...item.chunk.texts(this.#query.format).slice(item.start, item.end));
      else {
        frame(false);
        text += `${gapObject(item.gap)}\n`;
      }
    }
    frame(true);
    return text;
  }

  #write(text: string | Buffer): void {
    this.#wroteAtMs = this.#parts.clock.monotonicMs();
    // Of a text that waits Node would count the characters, not the bytes.
    this.#response.write(typeof text === 'string' ? Buffer.from(text) : text);
  }

  #end(last: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endedAtMs = this.#parts.clock.monotonicMs();
    this.#response.end(last);
  }
}
