/** A YAML file as flat keys with the line each stands on. Scalars keep their text: `1.10` stays `1.10`, `yes` stays `yes`. */
import type { Node, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { ConfigProblem } from './problem.ts';

export interface Entry {
  readonly value: string;
  readonly line: number;
}

/** A map of keys, with the line it begins on. */
export interface YamlSection {
  readonly line: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface YamlTree {
  /** Nested maps joined by dots, all but `connectors`. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly connectors: ReadonlyMap<string, YamlSection>;
  /** Entries of the list `sql` that are maps; the others stand in `entries`. */
  readonly scripts: readonly YamlSection[];
  /** The section `gateway`, which has lists of maps: as it was parsed. */
  readonly gateway: { readonly line: number; readonly value: unknown } | undefined;
  readonly problems: readonly ConfigProblem[];
}

export function readYaml(file: string, text: string): YamlTree {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const reader = new Reader(file, lines);
  for (const error of document.errors) reader.problem(error.pos[0], undefined, error.message);
  const entries = new Map<string, Entry>();
  const connectors = new Map<string, YamlSection>();
  const scripts: YamlSection[] = [];
  let gateway: YamlTree['gateway'];
  const root = document.contents as Node | null;
  const tree = (): YamlTree => ({ entries, connectors, scripts, gateway, problems: reader.problems });
  if (reader.problems.length > 0 || root === null) return tree();
  if (!isMap(root)) {
    reader.problem(root.range?.[0] ?? 0, undefined, 'must be a map of keys');
    return tree();
  }
  for (const pair of root.items) {
    if (reader.keyOf(pair) === 'gateway') {
      const value: unknown = pair.value === null ? {} : (pair.value as Node).toJS(document);
      gateway = { line: reader.lineOf(reader.offsetOf(pair)), value };
    } else if (reader.keyOf(pair) === 'sql' && isSeq(pair.value))
      readScripts(reader, pair, pair.value, entries, scripts);
    else if (reader.keyOf(pair) !== 'connectors') reader.flatten(pair, '', entries);
    else if (isMap(pair.value)) readConnectors(reader, pair.value, connectors);
    else if (!isScalar(pair.value) || pair.value.value !== null)
      reader.problem(reader.offsetOf(pair), 'connectors', 'must be a map of connectors by name');
  }
  return tree();
}

/** Its words are an option like others; a map among them is a script with settings. */
function readScripts(
  reader: Reader,
  pair: Pair,
  list: YAMLSeq,
  words: Map<string, Entry>,
  scripts: YamlSection[],
): void {
  const maps = list.items.filter((item) => isMap(item));
  list.items = list.items.filter((item) => !isMap(item));
  if (list.items.length > 0) reader.flatten(pair, '', words);
  for (const map of maps) {
    const entries = new Map<string, Entry>();
    for (const inner of map.items) reader.flatten(inner, '', entries, 'sql.');
    scripts.push({ line: reader.lineOf(map.range?.[0] ?? 0), entries });
  }
}

function readConnectors(reader: Reader, map: YAMLMap, connectors: Map<string, YamlSection>): void {
  for (const pair of map.items) {
    const name = reader.keyOf(pair);
    const line = reader.lineOf(reader.offsetOf(pair));
    if (!isMap(pair.value)) {
      reader.problem(reader.offsetOf(pair), `connectors.${name}`, 'must be a map of keys');
      continue;
    }
    const entries = new Map<string, Entry>();
    for (const inner of pair.value.items) reader.flatten(inner, '', entries, `connectors.${name}.`);
    connectors.set(name, { line, entries });
  }
}

class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  flatten(pair: Pair, prefix: string, into: Map<string, Entry>, shownPrefix = ''): void {
    const key = `${prefix}${this.keyOf(pair)}`;
    const offset = this.offsetOf(pair);
    const { value } = pair;
    if (isMap(value) && value.items.length > 0) {
      for (const inner of value.items) this.flatten(inner, `${key}.`, into, shownPrefix);
      return;
    }
    const text = this.#textOf(value as Node | null);
    if (text === undefined) this.problem(offset, shownPrefix + key, 'must be text, a number, true or false, or a list');
    else if (into.has(key)) this.problem(offset, shownPrefix + key, `it stands in line ${into.get(key)!.line} already`);
    else if (text !== null) into.set(key, { value: text, line: this.lineOf(offset) });
  }

  keyOf(pair: Pair): string {
    return isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : String(pair.key);
  }

  offsetOf(pair: Pair): number {
    return (pair.key as Node | null)?.range?.[0] ?? 0;
  }

  lineOf(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  problem(offset: number, key: string | undefined, message: string): void {
    this.problems.push({ file: this.#file, line: this.lineOf(offset), ...(key === undefined ? {} : { key }), message });
  }

  /** null: no value. undefined: nothing that a configuration could hold. `{}` switches a group of keys on: `tls: {}`. */
  #textOf(node: Node | null): string | null | undefined {
    if (node === null) return null;
    if (isMap(node)) return 'true';
    if (isSeq(node)) return listText(node);
    if (isAlias(node) || !isScalar(node)) return undefined;
    if (node.value === null) return null;
    return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  }
}

/**
 * A list of words is what options of type LIST take: `a,b`. Items that hold a comma, or are no scalars, would be torn apart
 * by that: such a list is written as JSON, as options that hold messages take it.
 */
function listText(list: YAMLSeq): string | undefined {
  const values: unknown[] = list.toJSON();
  if (values.some((value) => value === null)) return undefined;
  const isWords = values.every((value) => typeof value !== 'object' && !/[,"{}[\]]/.test(String(value)));
  return isWords ? values.map(String).join(',') : JSON.stringify(values);
}
