/**
 * `--compare REF`: a benchmark of this checkout and of another commit, by turns, so that a machine whose speed changes from
 * minute to minute changes both. The harness is that of here in both: of the other commit it is the program that is measured.
 *
 * It needs nothing of a benchmark but its `--json`: one object a line, whose members that are figures are spreads
 * (stats.ts); all other members say what was measured, and must be the same on both sides.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { machineLine } from './machine.ts';
import { isSpread, type Spread, showSpread, spread } from './stats.ts';

const here = join(import.meta.dirname, '../..');
/** Of our own that a benchmark is made of. */
const harness = ['bench', 'test/support'];
/** Members of each line that are about the run, not about what is measured. */
const incidental = new Set(['machine', 'lost', 'doubled', 'step']);

export interface CompareOptions {
  readonly name: string;
  readonly ref: string;
  /** Rounds; each is one run of either side. */
  readonly rounds: number;
  /** Words of the command line for both sides. */
  readonly words: readonly string[];
  readonly json: boolean;
}

/** Of one thing that was measured: figure by figure, here divided by there. */
export interface Comparison {
  readonly what: string;
  readonly ratios: Readonly<Record<string, Spread>>;
  readonly here: Readonly<Record<string, Spread>>;
  readonly there: Readonly<Record<string, Spread>>;
}

type Figures = ReadonlyMap<string, Readonly<Record<string, number>>>;

export async function compare({ name, ref, rounds, words, json }: CompareOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-compare-'));
  try {
    const commit = checkOut(ref, folder);
    // Not counted: it shows at once where the other commit cannot be measured so, and leaves its compiled code behind.
    await measure(folder, name, [...words, '--smoke']);
    const ours: Figures[] = [];
    const theirs: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      // Each side is as often the first: what the first run leaves behind (a warm disk, a hot core) helps neither.
      for (const side of round % 2 === 0 ? [ours, theirs] : [theirs, ours])
        side.push(await measure(side === ours ? here : folder, name, words));
    }
    const compared = comparisons(ours, theirs);
    if (json) for (const one of compared) console.log(JSON.stringify({ benchmark: name, ref, commit, ...one }));
    else show(name, ref, commit, rounds, compared);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The files of a commit, with the packages that are installed here. Gives the commit's short name. */
function checkOut(ref: string, folder: string): string {
  const git = (...args: string[]): Buffer =>
    execFileSync('git', ['-C', here, ...args], { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 30 });
  let commit: string;
  try {
    commit = git('rev-parse', '--short', '--verify', '--end-of-options', `${ref}^{commit}`).toString().trim();
  } catch {
    throw new Error(`Cannot compare with "${ref}": must be a commit, a branch or a tag of this repository`);
  }
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', commit) });
  for (const part of harness) {
    rmSync(join(folder, part), { recursive: true, force: true });
    cpSync(join(here, part), join(folder, part), { recursive: true });
  }
  mkdirSync(join(folder, '.cache'));
  mkdirSync(join(here, '.cache/kafka'), { recursive: true });
  for (const shared of ['node_modules', '.cache/kafka']) symlinkSync(join(here, shared), join(folder, shared));
  return commit;
}

/** One run of a benchmark in a process of its own, by what was measured. */
async function measure(root: string, name: string, words: readonly string[]): Promise<Figures> {
  const command = ['bench/run.ts', name, '--json', '--runs', '1', ...words];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, maxBuffer: 2 ** 26 });
    return figuresOf(stdout);
  } catch (error) {
    const side = root === here ? 'this checkout' : 'the other commit';
    throw new Error(`Cannot compare: "${command.slice(1).join(' ')}" of ${side} has failed`, { cause: error });
  }
}

/** Exported for its test. */
export function figuresOf(output: string): Figures {
  const found = new Map<string, Record<string, number>>();
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    const about: string[] = [];
    const figures: Record<string, number> = {};
    for (const [key, value] of Object.entries(JSON.parse(line) as Record<string, unknown>)) {
      if (isSpread(value)) figures[key] = value.median;
      else if (!incidental.has(key)) about.push(typeof value === 'string' ? value : `${key} ${JSON.stringify(value)}`);
    }
    found.set(about.join(', '), figures);
  }
  if (found.size === 0) throw new Error('Cannot compare: the benchmark has printed no figures');
  return found;
}

/** Pairs what either side measured in one round. Exported for its test. */
export function comparisons(ours: readonly Figures[], theirs: readonly Figures[]): readonly Comparison[] {
  return [...(ours[0] ?? new Map())].map(([what, figures]: [string, Readonly<Record<string, number>>]) => {
    const values = (side: readonly Figures[], key: string): number[] =>
      side.map((one) => {
        const value = one.get(what)?.[key];
        if (value === undefined) throw new Error(`Cannot compare ${key} of "${what}": one side has not measured it`);
        return value;
      });
    const each = (of: (key: string) => readonly number[]): Record<string, Spread> =>
      Object.fromEntries(Object.keys(figures).map((key) => [key, spread(of(key))]));
    return {
      what,
      ratios: each((key) => values(ours, key).map((value, round) => value / values(theirs, key)[round]!)),
      here: each((key) => values(ours, key)),
      there: each((key) => values(theirs, key)),
    };
  });
}

function show(name: string, ref: string, commit: string, rounds: number, compared: readonly Comparison[]): void {
  console.log(`${name}: this checkout against ${ref} (${commit}), ${rounds} rounds of one run each, by turns`);
  console.log(`${machineLine()}\nmiddle (least – most); the ratio is here / there, round by round\n`);
  const number = (value: number): string => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3));
  for (const { what, ratios, here: ours, there } of compared) {
    console.log(what);
    for (const [key, ratio] of Object.entries(ratios)) {
      const [a, b] = [ours[key]!, there[key]!].map((side) => showSpread(side, number));
      console.log(`  ${key.padEnd(18)} ratio ${showSpread(ratio, (v) => v.toFixed(2))}   here ${a}   there ${b}`);
    }
  }
}
