/** The protocol of kafka-websocket (PROTOCOL.md, section 2): its query, its text and binary messages. */
import { isUtf8 } from 'node:buffer';
import { type JsonMember, readJsonObject } from './json-object.ts';
import { isGroupId, isTopicName } from './names.ts';

export type V2Form = 'kafka-text' | 'kafka-binary';

/** The first token of the client's list that is known; text where there is none. */
export function chooseV2Form(offered: readonly string[]): { readonly form: V2Form; readonly echo: V2Form | null } {
  const known = offered.find((token): token is V2Form => token === 'kafka-text' || token === 'kafka-binary');
  return { form: known ?? 'kafka-text', echo: known ?? null };
}

export type V2Query =
  | {
      readonly ok: true /** null: a session that only produces. */;
      readonly topics: readonly string[] | null;
      readonly groupId: string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** `query` without the question mark. Parameters are separated first and decoded afterwards, so that none can be injected. */
export function readV2Query(query: string): V2Query {
  const parameters = queryParameters(query);
  const topics = parameters.get('topics');
  const groupId = parameters.get('group.id') ?? '';
  if (groupId !== '' && !isGroupId(groupId)) return { ok: false, reason: 'illegal group.id' };
  if (topics === undefined) return { ok: true, topics: null, groupId: groupId === '' ? null : groupId };
  const names = [...new Set(topics.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  if (names.length === 0) return { ok: false, reason: 'no topic is named' };
  if (!names.every(isTopicName)) return { ok: false, reason: 'illegal topic name' };
  return { ok: true, topics: names, groupId: groupId === '' ? null : groupId };
}

/** Of a parameter that is repeated the last value; a value ends at its second `=`; `+` stays a plus sign. */
function queryParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', value] = part.split('=', 2);
    if (value !== undefined) parameters.set(decode(name), decode(value));
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign is in no legal name, so it is refused as a name
  }
}

export type V2Input =
  | { readonly kind: 'message'; readonly message: V2Message }
  /** Lacks a topic or a message: passed over, and counted. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface V2Message {
  readonly topic: string;
  readonly key: string | null;
  readonly message: string | Uint8Array;
}

export function readV2Text(text: string): V2Input {
  const reading = readJsonObject(text);
  if (!reading.ok) return { kind: 'refused', reason: `the message ${reading.reason}` };
  const topic = scalarText(reading.members.get('topic'));
  const key = scalarText(reading.members.get('key'));
  const message = scalarText(reading.members.get('message'));
  for (const [name, value] of Object.entries({ topic, key, message })) {
    if (value === null) return { kind: 'refused', reason: `"${name}" must be a string, a number or a boolean` };
  }
  if (topic === undefined || message === undefined) return { kind: 'ignored' };
  if (!isTopicName(topic!)) return { kind: 'refused', reason: 'illegal topic name' };
  return {
    kind: 'message',
    message: { topic: topic!, key: key === undefined || key === '' ? null : key, message: message! },
  };
}

/** Undefined where it is not there, null where it is no scalar. Numbers and booleans are their source text. */
function scalarText(member: JsonMember | undefined): string | null | undefined {
  switch (member?.kind) {
    case undefined:
      return undefined;
    case 'string':
      return (member.value as string).toWellFormed();
    case 'number':
    case 'boolean':
      return member.source;
    default:
      return null;
  }
}

export function readV2Binary(bytes: Uint8Array): V2Input {
  const length = bytes[0];
  if (length === undefined || length === 0) return { kind: 'refused', reason: 'the message has no topic' };
  if (bytes.length < 1 + length) return { kind: 'refused', reason: 'the message ends within its topic' };
  const name = bytes.subarray(1, 1 + length);
  const topic = isUtf8(name) ? Buffer.from(name).toString() : '';
  if (!isTopicName(topic)) return { kind: 'refused', reason: 'illegal topic name' };
  return { kind: 'message', message: { topic, key: null, message: bytes.subarray(1 + length) } };
}

/** Attributes in the order topic, key, message. A message of null is a tombstone. */
export function v2Text(topic: string, key: string | null, message: string | null): string {
  const rendered = message === null ? 'null' : JSON.stringify(message);
  return key === null
    ? `{"topic":${JSON.stringify(topic)},"message":${rendered}}`
    : `{"topic":${JSON.stringify(topic)},"key":${JSON.stringify(key)},"message":${rendered}}`;
}

/** A tombstone is an empty value. */
export function v2Binary(topic: string, value: Uint8Array | null): Buffer {
  const name = Buffer.from(topic);
  const message = Buffer.allocUnsafe(1 + name.length + (value?.length ?? 0));
  message[0] = name.length;
  message.set(name, 1);
  if (value !== null) message.set(value, 1 + name.length);
  return message;
}
