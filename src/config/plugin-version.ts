/** Versions that `*.plugin.version` may name: one, or a range as Maven writes it: `[1.0,2.0)`, `(,1.5],[2,)`. */
import { describeError, TributaryError } from '../base/errors.ts';

export interface VersionRange {
  /** As Kafka Connect prints it: one version is a range from itself to itself. */
  readonly text: string;
  has(version: string): boolean;
}

/**
 * What Kafka Connect says where a version is wanted that is not the one there is: undefined where it fits. Throws as
 * parseVersionRange does.
 */
export function wrongVersion(plugin: string, there: string, wanted: string | null | undefined): string | undefined {
  if (wanted === undefined || wanted === null || wanted.trim() === 'latest') return undefined;
  const range = parseVersionRange(wanted);
  if (range.has(there)) return undefined;
  return `Plugin ${plugin} not found that matches the version range ${range.text}, available versions: [${there}]`;
}

/** The same as the check of an option, where a text that is no range is one more thing to be wrong. */
export function checkVersion(plugin: string, there: string, wanted: string | null): string | undefined {
  try {
    return wrongVersion(plugin, there, wanted);
  } catch (error) {
    return describeError(error);
  }
}

interface Interval {
  readonly from: string;
  readonly to: string;
  readonly withFrom: boolean;
  readonly withTo: boolean;
}

const interval = /^([[(])\s*([^,[\]()]*?)\s*(?:(,)\s*([^,[\]()]*?)\s*)?([\])])\s*(?:,\s*|$)/;

/** CONFIG_INVALID where the text is no range. */
export function parseVersionRange(written: string): VersionRange {
  const spec = /^[[(]/.test(written.trim()) ? written.trim() : `[${written.trim()}]`;
  const intervals: Interval[] = [];
  for (let rest = spec; rest !== ''; ) {
    const match = interval.exec(rest);
    if (match === null) throw invalid(`Unbounded range: ${written}`);
    const [whole, open, from = '', comma, to = from, close] = match;
    if (comma === undefined && (open === '(' || close === ')')) {
      throw invalid(`Single version must be surrounded by []: ${written}`);
    }
    if (comma !== undefined && from !== '' && to !== '' && compareVersions(from, to) > 0) {
      throw invalid(`Range defies version ordering: ${written}`);
    }
    intervals.push({ from, to, withFrom: open === '[', withTo: close === ']' });
    rest = rest.slice(whole.length);
  }
  return {
    text: intervals.map((i) => `${i.withFrom ? '[' : '('}${i.from},${i.to}${i.withTo ? ']' : ')'}`).join(','),
    has: (version) => intervals.some((candidate) => isWithin(candidate, version)),
  };
}

function isWithin({ from, to, withFrom, withTo }: Interval, version: string): boolean {
  const above = from === '' ? 1 : compareVersions(version, from);
  const below = to === '' ? -1 : compareVersions(version, to);
  return (above > 0 || (above === 0 && withFrom)) && (below < 0 || (below === 0 && withTo));
}

/** Number by number; a part that is no number (`1.0-beta`) comes before the version without it. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i] ?? 0, right[i] ?? 0];
    if (x === y) continue;
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    if (typeof x === 'number') return 1;
    if (typeof y === 'number') return -1;
    return x < y ? -1 : 1;
  }
  return 0;
}

function partsOf(version: string): readonly (number | string)[] {
  return version.split(/[.-]/).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function invalid(problem: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', problem);
}
