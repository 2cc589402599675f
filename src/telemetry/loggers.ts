/**
 * Names of logs with the level each has, as Kafka Connect's `/admin/loggers` shows and changes them. Names are parted by
 * dots; a log without a level of its own has that of the nearest name above it, at last that of "root". The audit log is
 * apart: it has its level for good, so that nobody who may change levels can do something unseen.
 */
import { TributaryError } from '../base/errors.ts';
import { auditLogger, type LogLevel } from './log.ts';

/** From the quietest. FATAL writes nothing here: no line is worse than an error. */
export const logThresholds = ['OFF', 'FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE', 'ALL'] as const;
export type LogThreshold = (typeof logThresholds)[number];

export interface LoggerLevel {
  readonly level: LogThreshold;
  /** When somebody set it, milliseconds since 1970; null where nobody has since the start. */
  readonly lastModifiedMs: number | null;
}

/** What a log asks before each line. It changes when the level does, so that a log may keep it. */
export interface Threshold {
  writes(level: LogLevel): boolean;
}

const root = 'root';
/** Enough for all its lines. */
const auditLevel = 'INFO';
/** Names can be made over REST: this many, no more. */
const maxNames = 10_000;

export class Loggers {
  readonly #nodes = new Map<string, Node>();
  readonly #root: Node;
  readonly #nowMs: () => number;

  constructor(level: LogThreshold, nowMs: () => number) {
    this.#root = new Node(level);
    this.#root.own = level;
    this.#nodes.set(root, this.#root);
    this.#nowMs = nowMs;
  }

  /** Every name that something logs under, or that has been given a level, in order. */
  all(): readonly (readonly [name: string, level: LoggerLevel])[] {
    return [...this.#nodes].map(([name, node]) => [name, node] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get(name: string): LoggerLevel | undefined {
    return this.#nodes.get(keyOf(name));
  }

  isFixed(name: string): boolean {
    return name === auditLogger;
  }

  /** Sets the level of a name and of all below it ("root" stands alone); the names that this changed, in order. */
  set(name: string, level: LogThreshold): readonly string[] {
    const key = keyOf(name);
    if (this.isFixed(key))
      throw new TributaryError('CONFLICT', `Cannot change the level of the logger "${name}": it is fixed`);
    this.#make(key, true);
    const changed: string[] = [];
    for (const [other, node] of this.#nodes) {
      if (other !== key && (key === root || !other.startsWith(`${key}.`))) continue;
      if (node.own === level || this.isFixed(other)) continue;
      node.own = level;
      node.lastModifiedMs = this.#nowMs();
      changed.push(other);
    }
    for (const [other, node] of this.#nodes) node.level = this.#levelOf(other);
    return changed.sort();
  }

  /** Of the log with this name; where there are too many names, of the nearest one above that there is. */
  threshold(name: string): Threshold {
    return this.#make(keyOf(name), false);
  }

  #make(name: string, isAsked: boolean): Node {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    if (this.#nodes.size >= maxNames && !this.isFixed(name)) {
      if (isAsked) throw new TributaryError('CONFLICT', `Cannot name one more logger: there are ${maxNames} already`);
      return this.#nearest(name);
    }
    const node = new Node(this.#levelOf(name));
    this.#nodes.set(name, node);
    return node;
  }

  #nearest(name: string): Node {
    for (let at = name.lastIndexOf('.'); at > 0; at = name.lastIndexOf('.', at - 1)) {
      const found = this.#nodes.get(name.slice(0, at));
      if (found !== undefined) return found;
    }
    return this.#root;
  }

  #levelOf(name: string): LogThreshold {
    if (this.isFixed(name)) return auditLevel;
    for (let at = name.length; at > 0; at = name.lastIndexOf('.', at - 1)) {
      const own = this.#nodes.get(name.slice(0, at))?.own;
      if (own !== undefined) return own;
    }
    return this.#root.level;
  }
}

/** In any case of its letters; undefined for a word that is no level. */
export function parseThreshold(word: string): LogThreshold | undefined {
  return logThresholds.find((level) => level === word.toUpperCase());
}

class Node implements LoggerLevel, Threshold {
  level: LogThreshold;
  own: LogThreshold | undefined;
  lastModifiedMs: number | null = null;

  constructor(level: LogThreshold) {
    this.level = level;
  }

  writes(level: LogLevel): boolean {
    return logThresholds.indexOf(this.level) >= rank[level];
  }
}

const rank: Readonly<Record<LogLevel, number>> = { error: 2, warn: 3, info: 4, debug: 5 };

function keyOf(name: string): string {
  return name.toLowerCase() === root ? root : name;
}
