/** What a request wants published, and what it can be refused for. */
import type { GatewayFault } from '../../wire/gateway/codes.ts';
import type { PublishRequest } from '../../wire/gateway/frames.ts';
import { readJsonObject } from '../../wire/gateway/json-object.ts';
import { isTopicName } from '../../wire/gateway/names.ts';
import { MemberFault, readPublish } from '../../wire/gateway/publish-members.ts';
import { QueryFault } from '../../wire/gateway/stream-query.ts';
import { asFault } from '../faults.ts';

/** Of a text in JSON. Throws MemberFault. */
export function publishOf(text: string, topic: string): PublishRequest {
  const reading = readJsonObject(text);
  if (!reading.ok) throw new MemberFault(`the body ${reading.reason}`);
  if (!isTopicName(topic)) throw new MemberFault('that is no name of a topic');
  return readPublish(reading.members, topic);
}

export function faultOfRequest(error: unknown): GatewayFault {
  if (error instanceof MemberFault) return { code: 'bad_request', message: error.message };
  if (error instanceof QueryFault) return error.fault;
  return asFault(error);
}
