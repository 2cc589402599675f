import { TributaryError } from './errors.ts';

/** Ends a switch over a union: the compiler rejects a call that a new member could reach. */
export function unreachable(value: never): never {
  throw new TributaryError('INTERNAL', `Cannot handle ${JSON.stringify(value)}: no case for it`);
}

/** Throws INTERNAL when a thing that our own code guarantees does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new TributaryError('INTERNAL', message);
}
