import { Buffer } from 'node:buffer';
import { rowEncoder } from '../mapping/row-encoder.ts';
import { sourceMapper } from '../mapping/source-mapper.ts';
import { Application } from '../plan/application.ts';
import { SqlError } from '../sql-error.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { Row, Value } from '../values/value.ts';
import type { ExpectedError, ExpectedRow, SqlCase, Step } from './case.ts';
import { isSame, shown, valueOfCase } from './case-values.ts';

export interface PlayOptions {
  /** Whether the application is replaced in front of a step by a new one that goes on from its snapshot. */
  readonly restartsBefore?: (step: number) => boolean;
  /** Typed rows come, too, without the values of columns that nothing looks at, as those of messages do. */
  readonly onlyRead?: boolean;
}

/** Plays a case without network or clock. Returns what differs; nothing where it passes. */
export function playCase(
  sqlCase: SqlCase,
  script: string,
  { restartsBefore = () => false, onlyRead = false }: PlayOptions = {},
): string[] {
  // Random numbers of a case cannot be expected, so that any will do.
  const create = (): Application => new Application(script, { random: () => 0.5 });
  if (sqlCase.error !== undefined) return differencesOfError(sqlCase.error, create);
  try {
    return new Run(create, { restartsBefore, onlyRead }).play(sqlCase);
  } catch (error) {
    return [error instanceof SqlError ? error.explanation : String(error instanceof Error ? error.stack : error)];
  }
}

function differencesOfError({ code, line, column, message_contains }: ExpectedError, create: () => unknown): string[] {
  try {
    create();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const place = `${error.sqlCode} at ${error.line}:${error.column}`;
    const wanted = `${code} at ${line}:${column}`;
    const missing = message_contains.filter((text) => !error.message.toLowerCase().includes(text.toLowerCase()));
    return [
      ...(place === wanted ? [] : [`expected ${wanted}, got ${error.message}`]),
      ...missing.map((text) => `the message lacks ${JSON.stringify(text)}: ${error.message}`),
    ];
  }
  return [`expected ${code} at ${line}:${column}, but the script was accepted`];
}

class Run {
  private application: Application;
  private readonly create: () => Application;
  private readonly options: Required<PlayOptions>;
  private readonly rows = new Map<string, Row[]>();
  private readonly messages: { readonly stream: string; readonly text: string }[] = [];

  constructor(create: () => Application, options: Required<PlayOptions>) {
    this.create = create;
    this.options = options;
    this.application = create();
  }

  play({ events = [], expect = [], order = 'exact', observe, tol = 0, ...others }: SqlCase): string[] {
    const named = [...new Set(expect.map(({ stream }) => stream))];
    const observed = observe ?? (named.length > 0 ? named : ['Out']);
    for (const stream of new Set([...observed, ...named])) this.rows.set(stream, []);
    this.observe();
    for (const [index, step] of events.entries()) {
      if (this.options.restartsBefore(index)) this.restart();
      this.step(step);
    }
    const differences = [...this.rows.keys()].flatMap((stream) =>
      this.differencesOf(
        stream,
        expect.filter((row) => row.stream === stream),
        order,
        tol,
      ),
    );
    return [...differences, ...this.differencesOfRest(others)];
  }

  private observe(): void {
    for (const [stream, seen] of this.rows) this.application.subscribe(stream, (row) => seen.push(row));
    this.tapSinks();
  }

  private restart(): void {
    const writer = new StateWriter();
    this.application.snapshot(writer);
    this.application = this.create();
    this.application.restore(new StateReader(writer.take()));
    this.observe();
  }

  private tapSinks(): void {
    for (const stream of this.application.plan.streams.values()) {
      if (stream.options.role !== 'sink') continue;
      const encode = rowEncoder(stream);
      this.application.subscribe(stream.name, (row) => {
        const message = encode([row]).value(0);
        this.messages.push({ stream: stream.name, text: Buffer.from(message).toString() });
      });
    }
  }

  private step(step: Step): void {
    const { application } = this;
    if ('advance_to' in step) application.advance(step.advance_to);
    else if ('end' in step) application.end();
    else this.enter(step);
  }

  private enter(step: Extract<Step, { readonly stream: string }>): void {
    const { application } = this;
    if (step.ts !== undefined) application.advance(step.ts);
    const stream = application.plan.streams.get(step.stream);
    if (stream === undefined) throw new Error(`the case names an unknown stream "${step.stream}"`);
    const read = application.columnsRead(stream.name);
    if ('row' in step) {
      const isWanted = (place: number, notNull = false): boolean =>
        !this.options.onlyRead || notNull || read === undefined || read.has(place);
      const values = stream.columns.map(({ name, notNull }, place) =>
        isWanted(place, notNull) ? valueOfCase(step.row[name] ?? null) : null,
      );
      application.push(stream.name, values);
      return;
    }
    // Text, too, comes as bytes: from a topic, and from a socket.
    const frame = 'message' in step ? Buffer.from(step.message) : Buffer.from(step.message_b64, 'base64');
    const { rows, dropped } = sourceMapper(stream, read).map(frame);
    application.countDropped(stream.name, dropped);
    for (const row of rows) application.push(stream.name, row);
  }

  private differencesOf(
    stream: string,
    expected: readonly ExpectedRow[],
    order: 'exact' | 'any',
    tolerance: number,
  ): string[] {
    const names = this.application.plan.streams.get(stream)!.columns.map(({ name }) => name);
    const fits = (row: Row, wanted: ExpectedRow): boolean =>
      (wanted.ts === undefined || wanted.ts === row.timestamp) &&
      names.length === Object.keys(wanted.row).length &&
      names.every(
        (name, index) => name in wanted.row && isSame(row.values[index]!, valueOfCase(wanted.row[name]), tolerance),
      );
    const left = [...this.rows.get(stream)!];
    const missing: ExpectedRow[] = [];
    for (const [index, wanted] of expected.entries()) {
      const at = order === 'exact' ? index : left.findIndex((row) => fits(row, wanted));
      if (order === 'any' && at !== -1) left.splice(at, 1);
      else if (order === 'any' || left[index] === undefined || !fits(left[index], wanted)) missing.push(wanted);
    }
    if (missing.length === 0 && left.length === (order === 'exact' ? expected.length : 0)) return [];
    const actual = this.rows.get(stream)!.map((row) => describe(names, row.values, row.timestamp));
    const wanted = expected.map(({ row, ts }) => describe(Object.keys(row), Object.values(row).map(valueOfCase), ts));
    return [
      `stream ${stream}:\n  expected ${wanted.join('\n           ') || 'nothing'}\n  got      ${actual.join('\n           ') || 'nothing'}`,
    ];
  }

  private differencesOfRest({ schema = {}, expect_messages, expect_dropped }: SqlCase): string[] {
    const differences: string[] = [];
    const compare = (what: string, actual: unknown, expected: unknown): void => {
      const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
      if (left !== right) differences.push(`${what}:\n  expected ${right}\n  got      ${left}`);
    };
    const { streams } = this.application.plan;
    for (const [stream, columns] of Object.entries(schema)) {
      const actual = streams.get(stream)?.columns.map(({ name, type }) => [name, type]);
      compare(`columns of ${stream}`, actual?.sort(), Object.entries(columns).sort());
    }
    if (expect_messages !== undefined) compare('messages', this.messages, expect_messages);
    if (expect_dropped !== undefined) {
      const counts = [...streams.keys()].map((stream) => [stream, this.application.dropped(stream)] as const);
      compare('dropped', Object.fromEntries(counts.filter(([, count]) => count > 0)), expect_dropped);
    }
    return differences;
  }
}

function describe(names: readonly string[], values: readonly Value[], timestamp?: number): string {
  const columns = names.map((name, index) => `${name}: ${shown(values[index] ?? null)}`).join(', ');
  return `${timestamp === undefined ? '' : `@${timestamp} `}{${columns}}`;
}
