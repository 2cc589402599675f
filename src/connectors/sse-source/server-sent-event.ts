import { OPTIONAL_STRING, type Schema, STRING } from '../../record/schema.ts';

/** The value of a record. Its text is the one that the original's own class gives; what a transform makes of it is a plain one. */
export class ServerSentEvent {
  readonly event: Uint8Array;
  readonly id: Uint8Array | null;
  readonly data: Uint8Array;

  constructor(event: Uint8Array, id: Uint8Array | null, data: Uint8Array) {
    this.event = event;
    this.id = id;
    this.data = data;
  }

  toString(): string {
    return `[event]=${textOf(this.event)} [id]=${this.id === null ? 'null' : textOf(this.id)} [data]=${textOf(this.data)}`;
  }
}

/** With the name and the documentation texts that clients of the original have stored. */
export const eventSchema: Schema = Object.freeze({
  type: 'struct',
  optional: false,
  name: 'com.github.cjmatta.kafka.connect.sse.ServerSentEvent',
  doc: 'Server Sent Event Message',
  fields: Object.freeze([
    { name: 'event', schema: Object.freeze({ ...STRING, doc: 'The event class of this event' }) },
    { name: 'id', schema: Object.freeze({ ...OPTIONAL_STRING, doc: 'The event ID' }) },
    { name: 'data', schema: Object.freeze({ ...STRING, doc: 'The event data payload' }) },
  ]),
});

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
