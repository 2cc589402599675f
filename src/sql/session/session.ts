/** What has been entered so far where statements come one at a time: definitions, and what a query needs of them. */
import type { Create, From, Query, Statement } from '../ast/ast.ts';
import { print } from '../ast/print.ts';
import { check, type ScriptPlan } from '../check/check.ts';
import { tokenize } from '../lex/lexer.ts';
import { parse } from '../parse/parse.ts';
import { SqlError } from '../sql-error.ts';

export type Entered =
  /** Kept for what comes later. */
  | { readonly kind: 'defined'; readonly what: string }
  /** A query to run: `script` is it with what it needs, `shows` the stream whose rows it is about. */
  | { readonly kind: 'query'; readonly script: string; readonly shows: string };

const nothing = { now: () => 0, random: () => 0 };
const bareTarget = 'OutputStream';

/** Whether a text ends where a statement does: at a `;` that stands in no text, comment or PARTITION. */
export function isComplete(text: string): boolean {
  let open = 0;
  let last = '';
  for (const token of tokenize(text)) {
    if (token.kind === 'end') break;
    if (token.kind === 'bad' && token.problem.startsWith('unterminated')) return false;
    if (token.kind === 'ident' && (token.upper === 'BEGIN' || token.upper === 'CASE')) open++;
    if (token.kind === 'ident' && token.upper === 'END') open--;
    last = token.kind === 'symbol' ? token.text : '';
  }
  return last === ';' && open <= 0;
}

export class SqlSession {
  #definitions: readonly Statement[] = [];

  /** Definitions of a whole script. Its bare SELECTs are not kept. */
  load(script: string): void {
    check(script, nothing);
    this.#definitions = parse(script).statements.filter((statement) => !isBareSelect(statement));
  }

  get plan(): ScriptPlan {
    return check(print({ statements: this.#definitions }), nothing);
  }

  /** Throws a SqlError whose place is one of this text. Of several statements each but the last is kept. */
  enter(text: string): readonly Entered[] {
    return parse(text).statements.map((statement) => this.#take(statement, text));
  }

  #take(statement: Statement, text: string): Entered {
    const all = [...this.#definitions, statement];
    this.#check(all, statement, text);
    if (statement.kind === 'query' && this.#runsAtOnce(statement)) {
      const shows = statement.target?.text ?? bareTarget;
      return { kind: 'query', script: print({ statements: neededFor(statement, this.#definitions) }), shows };
    }
    this.#definitions = all;
    return { kind: 'defined', what: describe(statement) };
  }

  /** Into a sink, or to be looked at; a query that only feeds another one waits for that. */
  #runsAtOnce({ target }: Query): boolean {
    return (
      target === undefined || this.#creates.some(({ name, options }) => name.text === target.text && isSink(options))
    );
  }

  get #creates(): readonly Create[] {
    return this.#definitions.filter((statement) => statement.kind === 'create');
  }

  /** What is checked is the text as it was entered, behind the printed definitions: places behind those are the text's. */
  #check(all: readonly Statement[], statement: Statement, text: string): void {
    const before = print({ statements: all.slice(0, -1) });
    const blanks = text.slice(0, statement.at).replace(/[^\n]/g, ' ');
    const own = textOf(statement, text);
    const lines = before.split('\n').length;
    try {
      check(`${before}\n${blanks}${own}`, nothing);
    } catch (error) {
      throw error instanceof SqlError && error.line > lines ? error.movedUp(lines) : error;
    }
  }
}

/** From its beginning to the `;` behind it that is not inside of it. */
function textOf(statement: Statement, text: string): string {
  let open = 0;
  for (const token of tokenize(text)) {
    if (token.at < statement.at) continue;
    if (token.kind === 'ident' && (token.upper === 'BEGIN' || token.upper === 'CASE')) open++;
    if (token.kind === 'ident' && token.upper === 'END') open--;
    if (token.kind === 'symbol' && token.text === ';' && open <= 0) return text.slice(statement.at, token.at);
  }
  return text.slice(statement.at);
}

function isBareSelect(statement: Statement): boolean {
  return statement.kind === 'query' && statement.target === undefined;
}

function isSink(options: Create['options']): boolean {
  return options.some(({ key, value }) => key.text === 'type' && value.text === 'sink');
}

/** The query behind the streams it reads, the queries that feed these, and so on. */
function neededFor(query: Query, definitions: readonly Statement[]): readonly Statement[] {
  const needed = new Set<Statement>();
  const names = new Set([...streamsOf(query.from), query.target?.text ?? bareTarget]);
  for (let found = true; found; ) {
    found = false;
    for (const statement of definitions) {
      if (needed.has(statement) || !concerns(statement, names)) continue;
      needed.add(statement);
      found = true;
      for (const each of queriesOf(statement)) for (const name of streamsOf(each.from)) names.add(name);
      if (statement.kind === 'partition') for (const { stream } of statement.keys) names.add(stream.text);
      if (statement.kind !== 'create') continue;
      const letters = statement.options.find(({ key }) => key.text === 'error.dlq.stream');
      if (letters !== undefined) names.add(letters.value.text);
    }
  }
  return [...definitions.filter((statement) => needed.has(statement)), query];
}

function concerns(statement: Statement, names: ReadonlySet<string>): boolean {
  if (statement.kind === 'create') return names.has(statement.name.text);
  return queriesOf(statement).some(({ target }) => names.has(target?.text ?? bareTarget));
}

function queriesOf(statement: Statement): readonly Query[] {
  if (statement.kind === 'partition') return statement.queries;
  return statement.kind === 'query' ? [statement] : [];
}

function streamsOf(from: From): string[] {
  switch (from.kind) {
    case 'source':
      return [from.source.name.text];
    case 'join':
      return [from.left.name.text, from.right.name.text];
    case 'pattern':
      return from.elements.flatMap((element) =>
        element.kind === 'leaf' ? [element.leaf.stream.text] : [element.left.stream.text, element.right.stream.text],
      );
  }
}

function describe(statement: Statement): string {
  switch (statement.kind) {
    case 'create':
      return `${statement.what} ${statement.name.text}`;
    case 'query':
      return `query into ${statement.target?.text ?? bareTarget}`;
    case 'partition':
      return `partition of ${statement.keys.map(({ stream }) => stream.text).join(', ')}`;
  }
}
