/** Texts of the frames that the server sends (PROTOCOL.md, section 3). No frame contains a line feed. */
import { type GatewayCode, type GatewayFault, gatewayCodes } from './codes.ts';

export interface Welcome {
  readonly session: string;
  readonly principal: string | null;
  readonly expires: number | null;
  readonly pingMs: number;
  readonly limits: {
    readonly message: number;
    readonly subs: number;
    readonly topics: number;
    readonly window: number;
    readonly inflight: number;
    readonly auth: number;
  };
}

export function welcomeFrame(welcome: Welcome): string {
  return JSON.stringify({ type: 'welcome', ...welcome });
}

/** Answer of a subscription: how many partitions each topic has, and the position before its first record. */
export function subscribedFrame(id: number, partitions: Readonly<Record<string, number>>, pos: string): string {
  return JSON.stringify({ type: 'ok', id, partitions, pos });
}

export interface Placement {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly duplicate: boolean;
}

export function publishedFrame(id: number, place: Placement): string {
  return `{"type":"ok","id":${id},${placementMembers(place)}}`;
}

/** The answer of a publish over HTTP, and the members of `ok`. */
export function placementMembers({ partition, offset, timestamp, duplicate }: Placement): string {
  const members = `"partition":${partition},"offset":${offset},"timestamp":${timestamp}`;
  return duplicate ? `${members},"duplicate":true` : members;
}

/** `records` are texts of record-json.ts. `pos` null: left out. */
export function dataFrame(
  id: number,
  seq: number,
  records: readonly string[],
  pos: string | null,
  conflated: number,
): string {
  return `${dataHead(id, seq)}${records.join(',')}${dataTail(pos, conflated)}`;
}

/** What stands before the records, which are separated by commas. */
export function dataHead(id: number, seq: number): string {
  return `{"type":"data","id":${id},"seq":${seq},"records":[`;
}

/** What stands behind them. */
export function dataTail(pos: string | null, conflated: number): string {
  let text = ']';
  if (pos !== null) text += `,"pos":"${pos}"`;
  if (conflated > 0) text += `,"conflated":${conflated}`;
  return `${text}}`;
}

export type GapReason = 'slow' | 'retention' | 'truncated' | 'recreated' | 'deleted' | 'corrupt';

export interface Gap {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** null where nobody can say. */
  readonly to: number | null;
  readonly reason: GapReason;
}

export function gapFrame(id: number, { topic, partition, from, to, reason }: Gap): string {
  return JSON.stringify({ type: 'gap', id, topic, partition, from, to, reason });
}

/** The gap on streams without subscriptions' ids. */
export function gapObject({ topic, partition, from, to, reason }: Gap): string {
  return JSON.stringify({ type: 'gap', topic, partition, from, to, reason });
}

export function endFrame(id: number): string {
  return `{"type":"end","id":${id}}`;
}

/** `id` null: of the connection, or over HTTP. */
export function errorFrame(id: number | null, { code, message, retryAfterMs }: GatewayFault): string {
  return JSON.stringify({
    type: 'error',
    ...(id === null ? {} : { id }),
    code,
    message,
    retryable: gatewayCodes[code].retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

export const pingFrame = '{"type":"ping"}';
export const pongFrame = '{"type":"pong"}';

export interface Farewell {
  readonly code: GatewayCode;
  /** Whether coming back without a change can help. */
  readonly reconnect: boolean;
  readonly afterMs: number;
  /** Positions behind the last record sent, by subscription; left out when there is none. */
  readonly resume: Readonly<Record<number, string>>;
}

export function byeFrame({ code, reconnect, afterMs, resume }: Farewell): string {
  return JSON.stringify({
    type: 'bye',
    code,
    reconnect,
    afterMs,
    ...(Object.keys(resume).length === 0 ? {} : { resume }),
  });
}
