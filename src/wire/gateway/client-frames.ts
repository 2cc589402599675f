/** Text messages of a client, cut into frames (PROTOCOL.md, section 3). */
import { type ClientFrame, type FrameLimits, isId } from './frames.ts';
import { type JsonMember, readJsonObject } from './json-object.ts';
import { MemberFault, type Members, readPublish } from './publish-members.ts';
import { readSubscribe, readWindow } from './subscribe-members.ts';

/** Stops behind the first fatal frame. Never throws. */
export function readClientFrames(message: string, limits: FrameLimits): ClientFrame[] {
  const frames: ClientFrame[] = [];
  for (const line of message.split('\n')) {
    const frame = readFrame(line, limits);
    frames.push(frame);
    if (frame.type === 'fatal') break;
  }
  return frames;
}

function readFrame(text: string, limits: FrameLimits): ClientFrame {
  const reading = readJsonObject(text);
  if (!reading.ok) return fatal(`a frame ${reading.reason}`);
  const { members } = reading;
  const type = members.get('type');
  if (type?.kind !== 'string') return fatal('a frame has no "type"');
  switch (type.value) {
    case 'ping':
      return { type: 'ping' };
    case 'auth':
      return readAuth(members.get('token'));
    case 'sub':
    case 'pub':
    case 'ack':
    case 'end':
      return readNumbered(type.value, members, limits);
    default:
      return fatal('a frame has a "type" that clients do not send');
  }
}

function readAuth(token: JsonMember | undefined): ClientFrame {
  if (token?.kind === 'string') return { type: 'auth', token: token.value as string };
  return { type: 'refused', id: null, fault: { code: 'bad_request', message: '"token" must be a string' } };
}

function readNumbered(type: 'sub' | 'pub' | 'ack' | 'end', members: Members, limits: FrameLimits): ClientFrame {
  const id = members.get('id')?.value;
  if (!isId(id)) return fatal(`"id" of a "${type}" must be a whole number from 1 to 4294967295`);
  try {
    switch (type) {
      case 'sub':
        return { type, id, request: readSubscribe(members, limits) };
      case 'pub':
        return { type, id, publish: readPublish(members) };
      case 'ack':
        return { type, id, seq: readSeq(members.get('seq')), window: readWindow(members, limits) };
      case 'end':
        return { type, id };
    }
  } catch (error) {
    if (!(error instanceof MemberFault)) throw error;
    return { type: 'refused', id, fault: { code: 'bad_request', message: error.message } };
  }
}

function readSeq(seq: JsonMember | undefined): number {
  if (typeof seq?.value === 'number' && Number.isSafeInteger(seq.value) && seq.value >= 0) return seq.value;
  throw new MemberFault('"seq" must be a whole number');
}

function fatal(message: string): ClientFrame {
  return { type: 'fatal', fault: { code: 'bad_request', message } };
}
