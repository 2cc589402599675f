/** The words behind `npm run bench --`: which benchmark, and what of it. Nothing that was typed is passed over. */
import { parseArgs } from 'node:util';
import { TributaryError } from '../../src/base/errors.ts';
import { suggest } from '../../src/base/nearest.ts';

export interface BenchmarkOptions {
  readonly json: boolean;
  /** Tiny counts: checks losses and the form of the output, measures nothing. */
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  /** Beside ours, what others would use. */
  readonly peers: boolean;
  /** Without the physical floors. */
  readonly alone: boolean;
  /** SQL: an application that workers share. */
  readonly parts: number | undefined;
  /** Of ingest and latency: through the spool. */
  readonly spool: boolean;
  /** Of the outage that recovery simulates: messages. */
  readonly count: number | undefined;
  /** These scenarios alone. */
  readonly only: readonly string[] | undefined;
  /** Another commit. */
  readonly compare: string | undefined;
}

/** What a benchmark takes beside `--json`, `--smoke`, `--runs` and `--compare`, which all do. */
export interface Takes {
  /** Those that `--broker` may name. */
  readonly brokers?: readonly string[];
  readonly only?: readonly string[];
  /** The others, each with the brokers that it goes with; `''` is none. */
  readonly more?: Readonly<Partial<Record<'peers' | 'alone' | 'parts' | 'spool' | 'count', readonly string[]>>>;
}

type Name = keyof BenchmarkOptions;

/** How each is typed. */
const forms: Readonly<Record<Name, string>> = {
  json: '--json',
  smoke: '--smoke',
  broker: '--broker NAME',
  runs: '--runs N',
  peers: '--peers',
  alone: '--alone',
  parts: '--parts N',
  spool: '--spool',
  count: '--count N',
  only: '--only NAME,…',
  compare: '--compare REF',
};
const names = Object.keys(forms) as Name[];
const isFlag = (name: Name): boolean => !forms[name].includes(' ');

export interface Chosen {
  readonly name: string;
  readonly options: BenchmarkOptions;
}

/** Undefined where no benchmark is named: then they are listed. USAGE where a word cannot be meant. */
export function parseOptions(words: readonly string[], known: Readonly<Record<string, Takes>>): Chosen | undefined {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(names.map((name) => [name, { type: isFlag(name) ? 'boolean' : 'string' }])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const [benchmark, ...others] = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const options = tokens.flatMap((token) => (token.kind === 'option' ? [token] : []));
  if (benchmark === undefined) {
    if (options.length === 0) return undefined;
    throw usage(`Cannot use "${options[0]!.rawName}" alone: a benchmark must be named, one of ${listed(known)}`);
  }
  const takes = known[benchmark];
  if (takes === undefined) {
    const wanted = `must be one of ${listed(known)}.${suggest(benchmark, Object.keys(known))}`;
    throw usage(`Cannot run the benchmark "${benchmark}": ${wanted}`);
  }

  const typed = new Map<Name, string | undefined>();
  for (const { name, rawName, value } of options) {
    const taken = takenBy(takes);
    if (!taken.includes(name as Name)) {
      const wanted = `it takes ${taken.map((one) => forms[one]).join(', ')}.`;
      const near = suggest(
        rawName,
        taken.map((one) => `--${one}`),
      );
      throw usage(`Cannot run ${benchmark} with "${rawName}": ${wanted}${near}`);
    }
    if (isFlag(name as Name) !== (value === undefined))
      throw usage(`Cannot run ${benchmark} with "${rawName}": must be written as ${forms[name as Name]}`);
    typed.set(name as Name, value);
  }
  if (others.length > 0) throw usage(`Cannot run ${benchmark} with "${others[0]}": one benchmark runs at a time`);
  return { name: benchmark, options: checked(benchmark, takes, typed) };
}

function checked(benchmark: string, takes: Takes, typed: ReadonlyMap<Name, string | undefined>): BenchmarkOptions {
  const refuse = (name: Name, wanted: string): never => {
    throw usage(`Cannot run ${benchmark} with --${name} "${typed.get(name)}": ${wanted}`);
  };
  const count = (name: Name): number | undefined => {
    const text = typed.get(name);
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,9}$/.test(text)) refuse(name, 'must be a whole number from 1 on');
    return Number(text);
  };
  const oneOf = (name: Name, values: readonly string[], text: string): string =>
    values.includes(text) ? text : refuse(name, `must be one of ${values.join(', ')}.${suggest(text, values)}`);
  const broker = typed.get('broker');
  if (broker !== undefined) oneOf('broker', takes.brokers ?? [], broker);
  for (const [name, brokers] of Object.entries(takes.more ?? {})) {
    if (!typed.has(name as Name) || brokers.includes(broker ?? '')) continue;
    const which = broker === undefined ? 'without --broker' : `with --broker "${broker}"`;
    const wanted = brokers.map((one) => (one === '' ? 'none' : one)).join(' or ');
    throw usage(`Cannot run ${benchmark} --${name} ${which}: the broker must be ${wanted}`);
  }
  if (typed.has('compare') && typed.has('peers'))
    throw usage(`Cannot run ${benchmark} with --compare and --peers: only our program is compared`);
  if (typed.has('spool') && typed.has('peers'))
    throw usage(`Cannot run ${benchmark} with --spool and --peers: nobody else has a spool`);
  return {
    json: typed.has('json'),
    smoke: typed.has('smoke'),
    broker,
    runs: count('runs'),
    peers: typed.has('peers'),
    alone: typed.has('alone'),
    parts: count('parts'),
    spool: typed.has('spool'),
    count: count('count'),
    only: typed
      .get('only')
      ?.split(',')
      .map((one) => oneOf('only', takes.only ?? [], one)),
    compare: typed.get('compare'),
  };
}

function takenBy({ brokers, only, more = {} }: Takes): readonly Name[] {
  const some = new Set<string>([
    ...['json', 'smoke', 'runs', 'compare', ...Object.keys(more)],
    ...(brokers === undefined ? [] : ['broker']),
    ...(only === undefined ? [] : ['only']),
  ]);
  return names.filter((name) => some.has(name));
}

/** The words of a run of either side of a comparison: all that say what is measured. */
export function comparedWords({ broker, smoke, parts, spool, count, only }: BenchmarkOptions): readonly string[] {
  return [
    ...(broker === undefined ? [] : ['--broker', broker]),
    ...(smoke ? ['--smoke'] : []),
    ...(parts === undefined ? [] : ['--parts', `${parts}`]),
    ...(spool ? ['--spool'] : []),
    ...(count === undefined ? [] : ['--count', `${count}`]),
    ...(only === undefined ? [] : ['--only', only.join(',')]),
  ];
}

function usage(text: string): TributaryError {
  return new TributaryError('USAGE', text);
}

function listed(known: Readonly<Record<string, Takes>>): string {
  return Object.keys(known).join(', ');
}
