/** A token and where it stands: offsets in UTF-16 units. */
export type Token =
  | { readonly kind: 'ident'; readonly text: string; readonly upper: string; readonly at: number; readonly end: number }
  | { readonly kind: 'quoted'; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly at: number; readonly end: number }
  /** What cannot be a token. It fits nowhere, so the parser reports it exactly when it gets there. */
  | { readonly kind: 'bad'; readonly text: string; readonly problem: string; readonly at: number; readonly end: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number; readonly end: number };

const identStart = /[\p{L}_]/u;
const ident = /[\p{L}_][\p{L}\p{M}\p{Nd}_$]*/uy;
const number = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const blank = /\s+/y;
const symbols = ['->>', '->', '||', '<=', '>=', '<>', '!=', ...'()[]{},;.=<>+-*/%?'];

/** The whole script as tokens, the last one of kind `end`. Never throws. */
export function tokenize(script: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < script.length) {
    const next = skipped(script, at) ?? readToken(script, at);
    if (typeof next === 'number') at = next;
    else {
      tokens.push(next);
      at = next.end;
    }
  }
  tokens.push({ kind: 'end', text: '', at: script.length, end: script.length });
  return tokens;
}

/** The end of blanks or a comment that starts here; a token for a comment that never ends. */
function skipped(script: string, at: number): number | Token | undefined {
  const end = matchAt(blank, script, at);
  if (end !== undefined) return end;
  if (script.startsWith('--', at)) {
    const newline = script.indexOf('\n', at);
    return newline === -1 ? script.length : newline + 1;
  }
  if (!script.startsWith('/*', at)) return undefined;
  const close = script.indexOf('*/', at + 2);
  return close === -1 ? bad(script, at, script.length, 'unterminated comment') : close + 2;
}

function readToken(script: string, at: number): Token {
  const character = String.fromCodePoint(script.codePointAt(at)!);
  if (identStart.test(character)) {
    const end = matchAt(ident, script, at)!;
    const text = script.slice(at, end);
    return { kind: 'ident', text, upper: text.toUpperCase(), at, end };
  }
  const numberEnd = matchAt(number, script, at);
  if (numberEnd !== undefined) return { kind: 'number', text: script.slice(at, numberEnd), at, end: numberEnd };
  if (character === "'" || character === '"') return readQuoted(script, at, character);
  const symbol = symbols.find((text) => script.startsWith(text, at));
  if (symbol !== undefined) return { kind: 'symbol', text: symbol, at, end: at + symbol.length };
  return bad(script, at, at + character.length, `unexpected character '${character}'`);
}

/** A doubled quote inside stands for one quote. */
function readQuoted(script: string, at: number, quote: "'" | '"'): Token {
  let close = script.indexOf(quote, at + 1);
  while (close !== -1 && script[close + 1] === quote) close = script.indexOf(quote, close + 2);
  const what = quote === "'" ? 'string' : 'name';
  if (close === -1) return bad(script, at, script.length, `unterminated ${what}`);
  const text = script.slice(at + 1, close).replaceAll(quote + quote, quote);
  if (quote === '"' && text === '') return bad(script, at, close + 1, 'empty name');
  return { kind: quote === "'" ? 'string' : 'quoted', text, at, end: close + 1 };
}

function bad(script: string, at: number, end: number, problem: string): Token {
  return { kind: 'bad', text: script.slice(at, Math.min(end, at + 20)), problem, at, end };
}

function matchAt(pattern: RegExp, script: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(script) ? pattern.lastIndex : undefined;
}
