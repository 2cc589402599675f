/** The transforms of v2 sessions (PROTOCOL.md, section 2.6): one for each direction, built in or a module of the user's. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TributaryError } from '../base/errors.ts';

export interface TransformMessage {
  topic: string;
  key: string | null;
  /** Text on text sessions, bytes on binary ones; null is a tombstone. */
  message: string | Uint8Array | null;
  discard: boolean;
}

export interface TransformSession {
  readonly id: string;
  readonly principal: string | null;
  readonly form: 'text' | 'binary';
}

/** Null: dropped. It may also change the message and give it back. */
export type Transform = (message: TransformMessage, session: TransformSession) => TransformMessage | null;

const identities = ['identity', 'us.b3k.kafka.ws.transforms.Transform'];
const discards = ['discard', 'us.b3k.kafka.ws.transforms.DiscardTransform'];

/** Undefined: nothing is to be done. CONFIG_INVALID where the module cannot be used. */
export async function loadTransform(name: string, key: string, config: unknown): Promise<Transform | undefined> {
  if (identities.includes(name)) return undefined;
  if (discards.includes(name)) return () => null;
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(name)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `gateway.v2.${key}: cannot load "${name}" as a module`, {
      cause: error,
    });
  }
  const { transform, init } = module;
  if (typeof transform !== 'function') {
    throw new TributaryError('CONFIG_INVALID', `gateway.v2.${key}: "${name}" exports no function "transform"`);
  }
  if (typeof init === 'function') await init(config);
  return transform as Transform;
}

/** What is left of a message; null where it is dropped. Throws what the transform throws. */
export function applyTransform(
  transform: Transform | undefined,
  message: TransformMessage,
  session: TransformSession,
): TransformMessage | null {
  if (transform === undefined) return message;
  const result = transform(message, session);
  return result === null || result.discard ? null : result;
}
