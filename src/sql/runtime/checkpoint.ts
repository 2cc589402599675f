/** What a checkpoint holds beside the state, and whether an application may go on from it. */
import { createHash } from 'node:crypto';
import type { SourceMap } from '../../connectors/contract.ts';
import { identityOf } from '../plan/identity.ts';

export interface Checkpoint {
  readonly id: string;
  readonly takenAtMs: number;
  readonly statements: readonly StatementHash[];
  /** A text of the configuration: state is forgotten once when it changes. */
  readonly generation: string;
  readonly positions: readonly StreamPosition[];
}

export interface StatementHash {
  readonly name: string;
  readonly hash: string;
}

/** How far a stream has been read: a partition of its topic or of what its connector calls so, and the position in it. */
export interface StreamPosition {
  readonly stream: string;
  readonly partition: SourceMap;
  readonly offset: SourceMap;
}

/** Hashes in the place of texts: a checkpoint is no place for a script. */
export function statementHashes(script: string): readonly StatementHash[] {
  return identityOf(script).map(({ name, text }) => ({
    name,
    hash: createHash('sha256').update(text).digest('base64url').slice(0, 22),
  }));
}

/** What is no longer as it was, as a part of a sentence; undefined where nothing is. */
export function changeBetween(before: readonly StatementHash[], now: readonly StatementHash[]): string | undefined {
  const known = new Map(before.map(({ name, hash }) => [name, hash]));
  const wanted = new Map(now.map(({ name, hash }) => [name, hash]));
  const changes = [
    ...now
      .filter(({ name, hash }) => known.has(name) && known.get(name) !== hash)
      .map(({ name }) => `${name} has changed`),
    ...now.filter(({ name }) => !known.has(name)).map(({ name }) => `${name} is new`),
    ...before.filter(({ name }) => !wanted.has(name)).map(({ name }) => `${name} is gone`),
  ];
  if (changes.length > 0) return changes.slice(0, 5).join(', ') + (changes.length > 5 ? ', …' : '');
  const isSame = before.length === now.length && before.every(({ name }, index) => name === now[index]!.name);
  return isSame ? undefined : 'its statements stand in another order';
}
