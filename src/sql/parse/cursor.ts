import type { Name } from '../ast/ast.ts';
import { type Token, tokenize } from '../lex/lexer.ts';
import { didYouMean, type SqlErrorCode, SqlProblem } from '../sql-error.ts';

/** Words that start or separate clauses: they cannot be aliases without AS, and no expression starts with them. */
const reserved = new Set(
  (
    'SELECT FROM WHERE WINDOW GROUP HAVING ORDER LIMIT OFFSET OUTPUT INSERT JOIN INNER LEFT RIGHT FULL CROSS ON AS END ' +
    'UNION WITHIN'
  ).split(' '),
);

/** Deeper nesting is refused: the tree is walked by recursion. */
const maxDepth = 500;

/** A place in the tokens of a script, and the ways to step on. */
export class Cursor {
  private readonly tokens: readonly Token[];
  private index = 0;
  private depth = 0;

  constructor(script: string) {
    this.tokens = tokenize(script);
  }

  get token(): Token {
    return this.tokens[this.index]!;
  }

  peek(ahead = 1): Token {
    return this.tokens[Math.min(this.index + ahead, this.tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.token;
    if (token.kind !== 'end') this.index++;
    return token;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'ident' && token.upper === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === symbol;
  }

  takeWord(word: string): Token | undefined {
    return this.isWord(word) ? this.next() : undefined;
  }

  takeSymbol(symbol: string): Token | undefined {
    return this.isSymbol(symbol) ? this.next() : undefined;
  }

  expectWord(word: string, ...others: string[]): Token {
    return this.takeWord(word) ?? this.fail([...others, word].join(' or '), [word, ...others]);
  }

  expectSymbol(symbol: string, ...others: string[]): Token {
    return this.takeSymbol(symbol) ?? this.fail([...others, symbol].map((text) => `'${text}'`).join(' or '));
  }

  /** Any word or quoted name. */
  expectName(what: string): Name {
    const { token } = this;
    if (token.kind !== 'ident' && token.kind !== 'quoted') return this.fail(what);
    this.next();
    return { at: token.at, text: token.text };
  }

  /** A name that stands where an alias may stand, without AS. */
  takeBareAlias(): Name | undefined {
    const { token } = this;
    if (token.kind === 'quoted' || (token.kind === 'ident' && !reserved.has(token.upper)))
      return this.expectName('a name');
    return undefined;
  }

  isReserved(): boolean {
    return this.token.kind === 'ident' && reserved.has(this.token.upper);
  }

  expectInteger(what: string): { readonly at: number; readonly value: number } {
    const { token } = this;
    if (token.kind !== 'number' || !/^\d{1,15}$/.test(token.text)) return this.fail(what);
    this.next();
    return { at: token.at, value: Number(token.text) };
  }

  /** Runs a part of the grammar that may contain itself. */
  nested<T>(parse: () => T): T {
    if (++this.depth > maxDepth) throw new SqlProblem('E_SYNTAX', this.token.at, `nested deeper than ${maxDepth}`);
    const result = parse();
    this.depth--;
    return result;
  }

  /** `known`: the words that may stand here, for a hint at a misspelt one. */
  fail(expected: string, known: readonly string[] = []): never {
    const { token } = this;
    if (token.kind === 'bad') throw new SqlProblem('E_SYNTAX', token.at, `${token.problem}, expected ${expected}`);
    const found = token.kind === 'end' ? 'the end of the script' : `'${token.text}'`;
    const hint = token.kind === 'ident' ? didYouMean(token.text, known) : '';
    throw new SqlProblem('E_SYNTAX', token.at, `expected ${expected}, found ${found}${hint}`);
  }

  refuse(code: SqlErrorCode, message: string, at = this.token.at): never {
    throw new SqlProblem(code, at, message);
  }
}
