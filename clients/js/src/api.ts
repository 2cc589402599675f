/** What the client gives and takes: types, and the error that everything fails with. */

/** Codes of the gateway's error table, and those of the client itself: `closed`, `queue_full`. */
export type ErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'position_lost'
  | 'too_large'
  | 'unsupported'
  | 'rejected'
  | 'limit'
  | 'slow_consumer'
  | 'unavailable'
  | 'timeout'
  | 'shutting_down'
  | 'internal'
  | 'closed'
  | 'queue_full';

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** How values are given: as text, parsed as JSON, or as bytes. What is not UTF-8, or no JSON, is given as bytes. */
export type Format = 'text' | 'json' | 'bytes';

export interface RecordEvent {
  readonly kind: 'record';
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** Null: the record has no key. */
  readonly key: string | Uint8Array | null;
  /** Null: a tombstone. */
  // biome-ignore lint/suspicious/noExplicitAny: with format "json" it is whatever the producer wrote
  readonly value: any;
  readonly headers: readonly { readonly name: string; readonly value: string | Uint8Array | null }[];
}

/** Records `from` up to but not including `to` will not come. `to` null: the topic is gone, or is another one now. */
export interface GapEvent {
  readonly kind: 'gap';
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number | null;
  readonly reason: 'slow' | 'retention' | 'truncated' | 'recreated' | 'deleted' | 'corrupt';
}

export type Event = RecordEvent | GapEvent;

/** Milliseconds since 1970, offsets of next records by topic and partition, or the `position` of another subscription. */
export type From =
  | 'latest'
  | 'earliest'
  | { readonly timestamp: number }
  | { readonly offsets: Readonly<Record<string, Readonly<Record<number, number>>>> }
  | { readonly pos: string };

export interface SubscribeOptions {
  /** These, or a `pattern` with `*` for any run of characters. */
  readonly topics?: readonly string[];
  readonly pattern?: string;
  /** Default: `latest`. */
  readonly from?: From;
  readonly ifLost?: 'earliest' | 'latest' | 'fail';
  readonly filter?: {
    readonly key?: readonly string[];
    readonly keyPrefix?: string;
    readonly headers?: Readonly<Record<string, readonly string[]>>;
  };
  /** Default: `text`. */
  readonly format?: Format;
  /** Records that may be on their way or wait here; more come as these are taken. Default: 1000. */
  readonly window?: number;
  readonly slow?: 'wait' | 'disconnect' | 'drop' | 'conflate';
  /** Consumer group: what was taken is committed. */
  readonly group?: string;
  /** Ends the subscription; the loop over it throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * `for await` gives records and gaps, one at a time; `batches()` as they came together. One loop over each subscription. It goes
 * on over lost connections behind the last one that came, without loss or repetition (in a group: at least once). It is asked
 * for again once the loop has taken what came before: a loop that never comes back for more costs the gateway nothing.
 */
export interface Subscription extends AsyncIterable<Event> {
  batches(): AsyncGenerator<readonly Event[]>;
  /** Behind what the loop has finished: `from: { pos }` goes on there. Null until the gateway has told one. */
  readonly position: string | null;
  /** Partitions of each topic that is read. */
  readonly partitions: Readonly<Record<string, number>>;
  /** Ends it; a loop over it ends as well. */
  close(): void;
}

export interface PublishOptions {
  readonly key?: string | Uint8Array | null;
  readonly headers?: Readonly<Record<string, string | Uint8Array | null>>;
  /** Default: the key's, or any. */
  readonly partition?: number;
  /** Milliseconds since 1970. Default: the gateway's time. */
  readonly timestamp?: number;
  /** Names this publish, so that it is written once however often it is sent. Default: made up. */
  readonly mid?: string;
  /** Stops waiting; what was sent already may be written all the same. */
  readonly signal?: AbortSignal;
}

export interface Published {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** An earlier attempt of the same publish had been written. */
  readonly duplicate: boolean;
}

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'ready' }
  /** Connects again after `delayMs`. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly delayMs: number }
  /** For good; `error` where it was not `close()`. */
  | { readonly kind: 'closed'; readonly error?: GatewayError };

/** What of the standard's WebSocket is used. */
export interface Socket {
  binaryType: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export interface ClientOptions {
  /** Asked for at each connection, and again before it expires. */
  readonly token?: string | (() => string | Promise<string>);
  /** `binary` costs the gateway and the network less; what is given is the same. Default: `json`. */
  readonly form?: 'json' | 'binary';
  readonly onState?: (state: ConnectionState) => void;
  /** Pauses between attempts grow from the first to the second. Default: 250 and 15 000. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  /** Publishes without an answer, at most; the gateway has a bound of its own (1000). */
  readonly maxInflight?: number;
  /** Publishes that wait for a connection or for answers; one more fails with `queue_full`. Default: 10 000. */
  readonly maxWaiting?: number;
  /** Default: the global one. */
  readonly WebSocket?: new (
    url: string,
    protocols: string[],
  ) => Socket;
}

/** Since the client was made. */
export interface Counts {
  reconnects: number;
  /** Publishes and subscriptions sent again. */
  retries: number;
  gaps: number;
  /** Records that came a second time after a reconnect, and were left out. */
  skipped: number;
}

export interface Client {
  /** Fails, where the loop is, with a GatewayError that no repetition could mend. */
  subscribe(options: SubscribeOptions): Subscription;
  /**
   * Text and bytes as they are, null as a tombstone, anything else as JSON. Resolves when Kafka has it. Is repeated over lost
   * connections under the same `mid`; a GatewayError says that it is not written, or (`closed`) that it is not known.
   */
  publish(topic: string, value: unknown, options?: PublishOptions): Promise<Published>;
  readonly state: ConnectionState;
  readonly counts: Readonly<Counts>;
  /** Ends all subscriptions; publishes without an answer fail with `closed`. */
  close(): void;
}
