/** A WebSocket in front of a topic (PROTOCOL.md, section 8): every message becomes a record, unparsed and unchanged. */
import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type Header, noHeaders } from '../record/record.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';
import type { Rights } from './auth/acl.ts';
import type { Identity } from './auth/identity.ts';
import { asFault } from './faults.ts';
import type { GatewayConnection, GatewayParts } from './gateway-parts.ts';
import { valueAtPointer } from './json-pointer.ts';
import { Liveness } from './liveness.ts';
import { checkMayPublish } from './may-publish.ts';
import type { Traffic } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { OwnPublishes } from './own-publishes.ts';
import { PendingPublish, type PublishAnswer } from './pending-publish.ts';
import { Reading } from './reading.ts';
import type { IngestRoute } from './settings.ts';
import { StallWatch } from './stall-watch.ts';

export interface IngestOptions {
  readonly socket: WebSocket;
  readonly raw: Duplex;
  readonly route: IngestRoute;
  readonly sessionId: string;
  readonly identity: Identity;
  readonly rights: Rights;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly ip: string;
  readonly onClosed: (code: number) => void;
}

/** Of a record that is not acknowledged yet. */
interface Unanswered {
  /** Its acknowledgement, once it is stored; empty where it could not be, and then the connection closes. */
  answer: string | undefined;
}

export class IngestConnection implements GatewayConnection, PublishAnswer<Unanswered> {
  readonly protocol = 'ingest';
  readonly #parts: GatewayParts;
  readonly #options: IngestOptions;
  readonly #fixedKey: Buffer | null;
  readonly #meta: readonly Header[];
  readonly #liveness: Liveness;
  readonly #reading: Reading;
  readonly #stall: StallWatch;
  readonly #outbox: Outbox;
  readonly #publishes: OwnPublishes;
  #rights: Rights;
  #traffic: Traffic | undefined;
  /** Acknowledgements go out in the order of the messages. */
  #unanswered: Unanswered[] = [];

  constructor(parts: GatewayParts, options: IngestOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#rights = options.rights;
    this.#fixedKey = fixedKey(options);
    this.#meta = options.route.meta ? metaHeaders(options) : noHeaders;
    this.#liveness = new Liveness(options.socket, options.raw, parts.settings.pingMs, parts.clock);
    this.#reading = new Reading(options.socket);
    this.#stall = new StallWatch(parts.clock.monotonicMs());
    const onDrain = (): void => this.#reading.hold('answers', false);
    this.#outbox = new Outbox(options.socket, options.raw, { joins: false, onDrain });
    const { inflight, queue } = parts.settings.limits;
    this.#publishes = new OwnPublishes(this.#reading, inflight, queue);
    this.#listen();
  }

  get principal(): string | null {
    return this.#options.identity.principal;
  }

  get waitingBytes(): number {
    return this.#outbox.waitingBytes;
  }

  get publishBytes(): number {
    return this.#publishes.bytes;
  }

  subscriptions(): readonly never[] {
    return [];
  }

  tick(nowMs: number): void {
    const { clock, settings, metrics } = this.#parts;
    const { identity } = this.#options;
    if (this.#liveness.isOver(nowMs)) return;
    if (identity.expiresMs !== null && clock.nowMs() >= identity.expiresMs) {
      this.#close(1008, 'token expired');
      return;
    }
    this.#liveness.pingIfSilent(nowMs);
    if (this.#stall.isStalled(this.waitingBytes, nowMs, settings.limits.stallMs)) {
      metrics.slowCloses.value++;
      this.#close(4408, 'slow_consumer');
    }
  }

  recheck(): void {
    const { identity, route } = this.#options;
    if (!this.#parts.isKnown(identity)) {
      this.#close(1008, 'token not accepted any more');
      return;
    }
    this.#rights = this.#parts.rights(identity);
    if (this.#rights.publish(route.topic) === undefined) this.#close(1008, 'not allowed any more');
  }

  drain(): void {
    this.#close(1012, 'shutting down');
  }

  shed(): void {
    this.#close(1013, 'out of memory');
  }

  destroy(): void {
    this.#options.socket.terminate();
  }

  #listen(): void {
    const { socket } = this.#options;
    socket.on('message', (data, isBinary) => {
      if (!this.#liveness.isClosing) this.#receive(data as Buffer, isBinary);
    });
    socket.on('close', (code) => this.#options.onClosed(code));
  }

  #receive(message: Buffer, isBinary: boolean): void {
    const { accept, split, validate } = this.#options.route;
    if (accept !== 'both' && (accept === 'binary') !== isBinary) {
      this.#close(1003, `only ${accept} is taken`);
      return;
    }
    const values = split === 'lines' ? linesOf(message) : [message];
    if (validate === 'json' && !values.every(isJson)) {
      this.#close(1007, 'not JSON');
      return;
    }
    for (const value of values) this.#publish(value);
  }

  #publish(value: Buffer): void {
    const { publisher, metrics, clock } = this.#parts;
    const { route } = this.#options;
    const record = {
      topic: route.topic,
      partition: null,
      timestampMs: null,
      mid: null,
      key: this.#keyOf(value),
      value,
      headers: noHeaders,
    };
    const unanswered: Unanswered = { answer: undefined };
    const pending = new PendingPublish(record, this.#meta, clock.monotonicMs(), this, unanswered);
    this.#publishes.began(pending.bytes);
    if (route.ack) this.#unanswered.push(unanswered);
    try {
      checkMayPublish(this.#rights, record, metrics);
    } catch (error) {
      this.failed(error, pending);
      return;
    }
    publisher.write(pending);
  }

  /** Of one of its records. */
  stored({ partition, offset }: Placement, pending: PendingPublish<Unanswered>): void {
    const { metrics } = this.#parts;
    const { route } = this.#options;
    this.#traffic ??= metrics.traffic('in', this.protocol, route.topic);
    this.#traffic.records.value++;
    this.#traffic.bytes.value += pending.value?.length ?? 0;
    if (route.ack) pending.token.answer = `{"partition":${partition},"offset":${offset}}`;
    this.#answered(pending);
  }

  /** Of one of its records. */
  failed(error: unknown, pending: PendingPublish<Unanswered>): void {
    const { metrics, log } = this.#parts;
    const fault = asFault(error);
    metrics.publishError(fault.code);
    if (fault.code === 'internal')
      log.error('publish_failed', { session: this.#options.sessionId, reason: (error as Error).message });
    if (fault.code === 'forbidden') this.#close(1008, 'forbidden');
    else if (fault.code === 'shutting_down') this.drain();
    else if (fault.code === 'too_large') this.#close(1009, 'too large');
    else this.#close(1011, fault.message);
    pending.token.answer = '';
    this.#answered(pending);
  }

  /** Who sends and does not read what it asked for is not heard any further. */
  #answered({ bytes }: PendingPublish<Unanswered>): void {
    this.#publishes.answered(bytes);
    let answered = 0;
    while (answered < this.#unanswered.length && this.#unanswered[answered]!.answer !== undefined) {
      const answer = this.#unanswered[answered++]!.answer!;
      if (answer !== '') this.#outbox.push(answer);
    }
    if (answered === 0) return;
    this.#unanswered.splice(0, answered);
    if (this.#outbox.room(this.#parts.settings.limits.queue) <= 0) this.#reading.hold('answers', true);
  }

  #keyOf(value: Buffer): Buffer | null {
    const { key } = this.#options.route;
    return key.startsWith('json:') ? valueAtPointer(value, key.slice('json:'.length)) : this.#fixedKey;
  }

  #close(code: number, reason: string): void {
    if (this.#liveness.isClosing) return;
    this.#liveness.closing();
    this.#outbox.close(code, reason);
  }
}

function fixedKey({ route, sessionId, query, headers }: IngestOptions): Buffer | null {
  const [kind, name = ''] = route.key.split(/:(.*)/s, 2);
  switch (kind) {
    case 'session':
      return Buffer.from(sessionId);
    case 'query':
      return bytesOrNull(query.get(name));
    case 'header':
      return bytesOrNull(headers[name.toLowerCase()]);
    default:
      return null;
  }
}

function bytesOrNull(text: string | string[] | null | undefined): Buffer | null {
  return typeof text === 'string' ? Buffer.from(text) : null;
}

function metaHeaders({ sessionId, identity, ip }: IngestOptions): readonly Header[] {
  const headers: Header[] = [{ key: 'tributary-session', value: Buffer.from(sessionId) }];
  if (identity.principal !== null) headers.push({ key: 'tributary-principal', value: Buffer.from(identity.principal) });
  headers.push({ key: 'tributary-ip', value: Buffer.from(ip) });
  return headers;
}

/** Lines that are not empty; each ends with LF or CR LF. */
function linesOf(message: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < message.length; ) {
    const found = message.indexOf(0x0a, start);
    const end = found === -1 ? message.length : found;
    const line = message.subarray(start, end > start && message[end - 1] === 0x0d ? end - 1 : end);
    if (line.length > 0) lines.push(line);
    start = end + 1;
  }
  return lines;
}

function isJson(value: Buffer): boolean {
  if (!isUtf8(value)) return false; // as a text it would be another one
  try {
    JSON.parse(value.toString());
    return true;
  } catch {
    return false;
  }
}
