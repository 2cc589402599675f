/**
 * How an application is cut into parts. Part p reads partition p of every input topic and runs all queries. A query that must see
 * rows together (`needs.ts`) which do not lie in one partition of their topic reads them through an exchange: each row goes to
 * the part that its key says. Pure: where topics have how many partitions is told by the caller.
 */
import type { ScriptPlan } from '../../check/check.ts';
import type { QueryPlan } from '../../check/query-plan.ts';
import type { RowKey } from '../../check/row-key.ts';
import type { StreamPlan } from '../../check/stream-plan.ts';
import { isKeyed, ranksOf, streamsRead } from '../graph.ts';
import { type KeyPair, type Need, needOf } from './needs.ts';

/** Rows of a stream on their way to the part that their key says; without keys all of them go to part 0. */
export interface Exchange {
  readonly stream: string;
  readonly keys: readonly RowKey[];
  /** Places of the queries that read the stream through it. */
  readonly readers: Set<number>;
}

export interface Meeting {
  /** Place of the query. */
  readonly query: number;
  /** How its rows come together, for people. */
  readonly how: string;
}

export type Cut =
  | { readonly kind: 'parts'; readonly exchanges: readonly Exchange[]; readonly meetings: readonly Meeting[] }
  | { readonly kind: 'whole'; readonly reason: string };

/** `isAligned`: whether the topic of a source has as many partitions as there are parts. */
export function cutOf(plan: ScriptPlan, isAligned: (stream: string) => boolean = () => true): Cut {
  const reason = whyWhole(plan);
  return reason === undefined ? new Cutter(plan, isAligned).cut() : { kind: 'whole', reason };
}

function whyWhole(plan: ScriptPlan): string | undefined {
  const { streams, queries } = plan;
  const sources = [...streams.values()].filter(({ options }) => options.role === 'source');
  if (sources.length === 0) return 'no stream reads a topic';
  const feed = sources.find(({ options }) => options.extension !== 'kafka');
  if (feed !== undefined)
    return `stream ${feed.name} reads a ${feed.options.extension} connection, which has no partitions: let a connector write it to a topic, and read that`;
  const table = [...streams.values()].find(({ isTable }) => isTable);
  if (table !== undefined) return `table ${table.name} is one, and its rows are looked up from everywhere`;
  for (const query of queries) {
    for (const stream of streamsRead(query)) {
      if (query.partition !== undefined && !isKeyed(stream, query.partition, plan))
        return `query ${query.index + 1} reads stream ${stream} under PARTITION without a key: its rows are for all keys`;
    }
    if (leadsTo(plan, query.target, query))
      return `query ${query.index + 1} reads, by way of others, what it writes itself`;
  }
  return undefined;
}

function leadsTo({ queries }: ScriptPlan, stream: string, goal: QueryPlan): boolean {
  const seen = new Set<string>();
  const visit = (name: string): boolean => {
    if (seen.has(name)) return false;
    seen.add(name);
    return queries.some((query) => streamsRead(query).includes(name) && (query === goal || visit(query.target)));
  };
  return visit(stream);
}

/**
 * Columns that say where a row of a stream is: rows with equal values in them are in one part, which `partOf` gives. None: all
 * rows are in part 0. Undefined: nobody knows.
 */
type Place = readonly number[] | undefined;

class Cutter {
  private readonly plan: ScriptPlan;
  private readonly exchanges = new Map<string, Exchange>();
  private readonly meetings: Meeting[] = [];
  private readonly places = new Map<string, Place>();

  constructor(plan: ScriptPlan, isAligned: (stream: string) => boolean) {
    this.plan = plan;
    for (const stream of plan.streams.values())
      if (stream.options.role === 'source' && isAligned(stream.name))
        this.places.set(stream.name, placeOf(declaredKey(stream)));
  }

  cut(): Cut {
    const { queries } = this.plan;
    const ranks = ranksOf(queries);
    for (const query of [...queries].sort((a, b) => ranks[a.index]! - ranks[b.index]!)) {
      const places = this.bringTogether(query);
      if (queries.filter(({ target }) => target === query.target).length === 1)
        this.places.set(query.target, placeBehind(query, places));
    }
    this.meetings.sort((a, b) => a.query - b.query);
    return { kind: 'parts', exchanges: [...this.exchanges.values()], meetings: this.meetings };
  }

  /** Where the rows are that a query works on: alternatives, each as places in its flat row. */
  private bringTogether(query: QueryPlan): readonly (readonly number[])[] {
    if (query.partition !== undefined) return this.byPartition(query);
    const need = needOf(query);
    if (need.kind === 'pairs') return this.byPairs(query, need.pairs, need.why);
    const streams = streamsRead(query);
    if (need.kind === 'any') {
      this.note(query, 'each row is looked at by itself');
      const place = this.places.get(streams[0]!);
      return place === undefined ? [] : [place];
    }
    const place = this.places.get(streams[0]!);
    if (streams.length === 1 && fits(place, need)) {
      this.note(query, `rows are together where they are: ${this.shown(streams[0]!, place!)} (${need.why})`);
      return [place!];
    }
    const plain = need.keys.filter(({ column }) => column !== undefined);
    const keys = plain.length > 0 ? plain : need.keys;
    for (const stream of streams) this.exchange(query, stream, keys, need.why);
    return keys.every(({ column }) => column !== undefined) ? [keysInOrder(keys).map(({ column }) => column!)] : [];
  }

  private byPartition(query: QueryPlan): readonly (readonly number[])[] {
    const { keys } = query.partition!;
    const { input } = query;
    for (const stream of streamsRead(query)) {
      const column = keys.get(stream);
      const place = this.places.get(stream);
      if (column === undefined) this.note(query, `rows of ${stream} stay with their key (PARTITION)`);
      else if (place?.length === 1 && place[0] === column)
        this.note(query, `rows are together where they are: ${this.shown(stream, place)} (PARTITION)`);
      else {
        const shown = this.plan.streams.get(stream)!.columns[column]!.name;
        const key: RowKey = { evaluate: (frame) => frame.values[column]!, column, text: `#${column}`, shown };
        this.exchange(query, stream, [key], 'PARTITION');
      }
    }
    const first = input.kind === 'source' ? input.input : input.kind === 'pattern' ? input.leaves[0]!.input : undefined;
    const column = first === undefined ? undefined : keys.get(first.stream);
    // The element of a pattern that may be absent tells nothing.
    const isThere = input.kind === 'source' || (input.kind === 'pattern' && input.elements[0]!.kind === 'leaf');
    return column === undefined || !isThere ? [] : [[first!.offset + column]];
  }

  private byPairs(query: QueryPlan, pairs: readonly KeyPair[], why: string): readonly (readonly number[])[] {
    const { input } = query;
    if (input.kind !== 'join') return [];
    const [left, right] = [input.left.input, input.right.input];
    const chosen = this.choose(pairs, left.stream, right.stream);
    if (left.stream === right.stream && chosen.some((pair) => pair.left.text !== pair.right.text)) {
      this.exchange(query, left.stream, [], 'the stream is joined with itself by two keys');
      return [[]];
    }
    for (const side of ['left', 'right'] as const) {
      const { stream } = side === 'left' ? left : right;
      const keys = chosen.map((pair) => pair[side]);
      const place = this.places.get(stream);
      if (place !== undefined && isSame(place, keys))
        this.note(query, `rows are together where they are: ${this.shown(stream, place)} (${why})`);
      else this.exchange(query, stream, keys, why);
    }
    const flat = (side: 'left' | 'right', offset: number): (readonly number[])[] => {
      const columns = chosen.map((pair) => pair[side].column);
      return columns.includes(undefined) ? [] : [columns.map((column) => offset + column!)];
    };
    // A side that may be absent is NULL in the row.
    return [
      ...(input.type === 'inner' || input.type === 'left' ? flat('left', left.offset) : []),
      ...(input.type === 'inner' || input.type === 'right' ? flat('right', right.offset) : []),
    ];
  }

  /** By the pairs of a side that is in its place already; else by all of them. */
  private choose(pairs: readonly KeyPair[], left: string, right: string): readonly KeyPair[] {
    for (const [side, stream] of [['left', left] as const, ['right', right] as const]) {
      const place = this.places.get(stream);
      if (place === undefined || place.length === 0) continue;
      const found = place.map((column) => pairs.find((pair) => pair[side].column === column));
      if (!found.includes(undefined)) return found as KeyPair[];
    }
    return [...pairs].sort((a, b) => (a.left.text < b.left.text ? -1 : 1));
  }

  private exchange(query: QueryPlan, stream: string, keys: readonly RowKey[], why: string): void {
    // For a join the order is that of its pairs: both sides must have the same.
    const ordered = query.input.kind === 'join' ? keys : keysInOrder(keys);
    const name = `${stream}\0${ordered.map(({ text }) => text).join('\0')}`;
    const known = this.exchanges.get(name);
    if (known === undefined) this.exchanges.set(name, { stream, keys: ordered, readers: new Set([query.index]) });
    else known.readers.add(query.index);
    const by = ordered.length === 0 ? 'all to one part' : `by ${ordered.map(({ shown }) => shown).join(', ')}`;
    this.note(query, `rows of ${stream} go through a repartition topic, ${by} (${why})`);
  }

  private shown(stream: string, place: readonly number[]): string {
    const { columns } = this.plan.streams.get(stream)!;
    return place.length === 0
      ? `${stream}, all in one part`
      : `${stream} by ${place.map((column) => columns[column]!.name).join(', ')}`;
  }

  private note(query: QueryPlan, how: string): void {
    this.meetings.push({ query: query.index, how });
  }
}

function keysInOrder(keys: readonly RowKey[]): readonly RowKey[] {
  return [...keys].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function fits(place: Place, { keys }: Need & { readonly kind: 'together' }): boolean {
  return place?.every((column) => keys.some((key) => key.column === column)) === true;
}

function isSame(place: readonly number[], keys: readonly RowKey[]): boolean {
  return place.length === keys.length && place.every((column, index) => keys[index]!.column === column);
}

function placeOf(column: number | undefined): Place {
  return column === undefined ? undefined : [column];
}

/**
 * The column that decides a record's partition: producers put equal keys into one, and the text of these types is the same
 * whoever writes it. A row without the key may lie anywhere, so that the column must be NOT NULL.
 */
export function declaredKey({ options, columns }: StreamPlan): number | undefined {
  const column = columns.findIndex(({ name }) => name === options.values.get('kafka.key'));
  if (column === -1) return undefined;
  const { type, notNull } = columns[column]!;
  return notNull === true && (type === 'STRING' || type === 'INT' || type === 'LONG') ? column : undefined;
}

/** Where the rows are that a query writes: where those were that it read, as long as they still say so. */
function placeBehind({ copies }: QueryPlan, places: readonly (readonly number[])[]): Place {
  for (const place of places) {
    const kept = place.map((flat) => copies.indexOf(flat));
    if (!kept.includes(-1)) return kept;
  }
  return undefined;
}
