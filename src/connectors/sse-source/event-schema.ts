import { OPTIONAL_STRING, type Schema, STRING } from '../../record/schema.ts';

/** The value of a record, with the name and the documentation texts that clients of the original have stored. */
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
