/**
 * Positions in the sources, in the topic, keys and values that Kafka Connect uses: key `["<connector>",{partition}]`, value
 * `{offset}`, null for a deleted one.
 */
import type { Producer } from '../broker/broker.ts';
import type { SourceMap } from '../connectors/contract.ts';
import { canonicalJson, parseObject } from './json.ts';
import type { Sent, Table, TableEntry } from './table.ts';

export interface SourceOffset {
  readonly partition: SourceMap;
  readonly offset: SourceMap;
}

export interface OffsetEntry {
  readonly partition: SourceMap;
  /** null forgets it. */
  readonly offset: SourceMap | null;
}

/** Whose position, and in which part of the source. */
export interface OffsetPlace {
  readonly connector: string;
  readonly partition: SourceMap;
}

export interface OffsetTable {
  get(connector: string, partition: SourceMap): SourceMap | undefined;
  all(connector: string): readonly SourceOffset[];
  /** `by`: with this producer, which may be fenced; default: the table's own. */
  put(connector: string, offsets: readonly OffsetEntry[], by?: Producer): Promise<void>;
  /** Writes with the caller's producer, in its transaction where it has one; the table shows them once it is committed. */
  send(producer: Producer, connector: string, offsets: readonly OffsetEntry[]): Promise<Sent>;
  /** Resolves when the table shows all that was written before, or all of one position, transactions that were still open included. */
  caughtUp(signal?: AbortSignal, of?: OffsetPlace): Promise<void>;
}

export function offsetTable(table: Table): OffsetTable {
  /** Whoever wrote the key may have ordered the partition's fields otherwise: the key as it stands in the topic counts. */
  const keyOf = (connector: string, partition: SourceMap): string => {
    const canonical = canonicalJson([connector, partition]);
    if (table.entries.has(canonical)) return canonical;
    const start = startOf(connector);
    for (const key of table.entries.keys()) {
      if (mayBeOf(key, start) && parseKey(key)?.connector === connector && canonicalJson(JSON.parse(key)) === canonical)
        return key;
    }
    return canonical;
  };

  const entriesOf = (connector: string, offsets: readonly OffsetEntry[]): readonly TableEntry[] =>
    offsets.map(({ partition, offset }) => [
      keyOf(connector, partition),
      offset === null ? null : JSON.stringify(offset),
    ]);

  return {
    get: (connector, partition) => parseObject(table.entries.get(keyOf(connector, partition))),
    all(connector) {
      const start = startOf(connector);
      const found: SourceOffset[] = [];
      for (const [key, value] of table.entries) {
        if (!mayBeOf(key, start)) continue;
        const parsed = parseKey(key);
        const offset = parseObject(value);
        if (parsed?.connector === connector && offset !== undefined)
          found.push({ partition: parsed.partition, offset });
      }
      return found;
    },
    put: (connector, offsets, by) => table.put(entriesOf(connector, offsets), by),
    send: (producer, connector, offsets) => table.send(producer, entriesOf(connector, offsets)),
    caughtUp: (signal, of) => table.caughtUp(signal, of && keyOf(of.connector, of.partition)),
  };
}

/** Without parsing it: the keys of hundreds of connectors are looked at whenever one of them has no position yet. */
function mayBeOf(key: string, start: string): boolean {
  return key.startsWith(start) || key.includes('\\');
}

function startOf(connector: string): string {
  return JSON.stringify([connector]).slice(0, -1);
}

function parseKey(key: string): { readonly connector: string; readonly partition: SourceMap } | undefined {
  if (!key.startsWith('["')) return undefined;
  try {
    const [connector, partition] = JSON.parse(key) as readonly unknown[];
    if (typeof connector !== 'string' || typeof partition !== 'object' || partition === null) return undefined;
    return { connector, partition: partition as SourceMap };
  } catch {
    return undefined; // an entry of somebody else: it is not an offset of any connector
  }
}
