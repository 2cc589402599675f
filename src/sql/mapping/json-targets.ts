import { Buffer } from 'node:buffer';
import type { Column } from '../check/scope.ts';
import { type Path, parsePath } from '../json/path.ts';
import { KeyMemory } from './key-memory.ts';

/** Where a column's value lies in a message. */
export type Find =
  | { readonly kind: 'path'; readonly path: Path }
  /** `folded`: the name in small letters, where a key that differs only in case may stand for it. */
  | { readonly kind: 'name'; readonly name: string; readonly folded?: string };

export function findsOf(columns: readonly Column[], options: ReadonlyMap<string, string>): Find[] {
  return columns.map((column): Find => {
    const path = options.get(`json.mapping.${column.name}`);
    return path === undefined ? byName(column.name, columns) : { kind: 'path', path: parsePath(path)! };
  });
}

/**
 * The key of exactly that name; else the single one that differs only in case, provided that no other column has such a
 * name, whose key it might be.
 */
function byName(name: string, columns: readonly Column[]): Find {
  const folded = name.toLowerCase();
  const isAlone = columns.filter((column) => column.name.toLowerCase() === folded).length === 1;
  return { kind: 'name', name, folded: isAlone ? folded : undefined };
}

/** A value of a message that is wanted, or that holds wanted ones. */
export interface Target {
  /** Its place among the values that are wanted themselves; -1 where only something inside it is. */
  slot: number;
  readonly members: Member[];
  /** Chains of members by the low bits of their keys' hashes; -1 ends a chain. */
  readonly heads: Int16Array;
  /** Wanted elements of an array by their index; undefined where none is. */
  elements: Map<number, Target> | undefined;
  /** Whether something inside it is wanted. */
  hasInner: boolean;
  /** Where it is an object with wanted members. */
  memory: KeyMemory | undefined;
}

export interface Member {
  readonly key: Uint8Array;
  readonly target: Target;
  /** Where the value of a key is kept that differs only in case; -1 where such a key means nothing. */
  foldedSlot: number;
  readonly next: number;
}

/** Slots of a column's value; several columns may share one. */
export interface ColumnSlots {
  readonly exact: number;
  /** Used where there is no exact one; -1 where the column has none. */
  readonly folded: number;
}

export interface Targets {
  readonly root: Target;
  readonly columns: readonly ColumnSlots[];
  readonly slots: number;
}

const chains = 64;

/** Equal for keys that differ only in the case of ASCII letters (and for a few others, which are then compared). */
export function addToHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + (byte | 0x20)) | 0;
}

export function chainOf(hash: number): number {
  return (hash ^ (hash >>> 12)) & (chains - 1);
}

/**
 * The ways to all columns' values, put together to one tree, so that a message is gone through once. Undefined where that
 * cannot tell which key stands for which column: one stands for a column exactly and for another one but for its case, or
 * letters beyond ASCII have a case.
 */
export function targetsOf(finds: readonly Find[]): Targets | undefined {
  const root = newTarget();
  let slots = 0;
  const columns = finds.map((find): ColumnSlots => {
    const path = find.kind === 'path' ? find.path : [find.name];
    let target = root;
    for (const key of path) target = typeof key === 'string' ? memberTarget(target, key) : elementTarget(target, key);
    if (target.slot === -1) target.slot = slots++;
    if (find.kind === 'path' || find.folded === undefined) return { exact: target.slot, folded: -1 };
    const member = root.members.find((known) => known.target === target)!;
    member.foldedSlot = slots++;
    return { exact: target.slot, folded: member.foldedSlot };
  });
  const folded = new Set(root.members.map(({ key }) => Buffer.from(key).toString().toLowerCase()));
  const isPlain = finds.every((find) => find.kind === 'path' || /^[\x20-\x7e]*$/.test(find.name));
  return isPlain && folded.size === root.members.length ? { root, columns, slots } : undefined;
}

function newTarget(): Target {
  return {
    slot: -1,
    members: [],
    heads: new Int16Array(chains).fill(-1),
    elements: undefined,
    hasInner: false,
    memory: undefined,
  };
}

function memberTarget(target: Target, name: string): Target {
  const key = Buffer.from(name);
  const known = target.members.find((member) => key.equals(member.key));
  if (known !== undefined) return known.target;
  let hash = 0;
  for (const byte of key) hash = addToHash(hash, byte);
  const chain = chainOf(hash);
  const child = newTarget();
  target.hasInner = true;
  target.memory ??= new KeyMemory();
  target.members.push({ key, target: child, foldedSlot: -1, next: target.heads[chain]! });
  target.heads[chain] = target.members.length - 1;
  return child;
}

function elementTarget(target: Target, index: number): Target {
  target.elements ??= new Map();
  let child = target.elements.get(index);
  if (child === undefined) {
    child = newTarget();
    target.hasInner = true;
    target.elements.set(index, child);
  }
  return child;
}
