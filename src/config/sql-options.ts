/**
 * Options in the text of a SQL application: `CREATE STREAM S (…) WITH (key = 'value', …)`. They are found in a text that no
 * parser would take as well, and in comments: what is refused or commented out holds secrets all the same.
 */
export interface SqlOption {
  /** What is created, in capital letters; empty where none is named. */
  readonly stream: string;
  readonly key: string;
  /** Of the value between its quotes. */
  readonly start: number;
  readonly end: number;
}

const token =
  /--(?<line>[^\n]*)|\/\*(?<block>[\s\S]*?)(?:\*\/|$)|'(?<text>(?:[^']|'')*)(?:'|$)|"(?<name>(?:[^"]|"")*)(?:"|$)|(?<word>[\p{L}_][\p{L}\p{M}\p{Nd}_$]*|\d[\w.]*)|(?<symbol>[^\s])/gu;

/** Comments are prose with apostrophes in it: only what has all its signs is an option there. */
const commentedOut =
  /(?:"(?<quoted>[^"\n]+)"|(?<bare>[\p{L}_][\p{L}\p{M}\p{Nd}_$.]*))\s*=\s*(?:'(?<text>(?:[^']|'')*)(?:'|$)|(?<word>[^\s'",;)]+))/gu;

export function sqlOptions(sql: string): readonly SqlOption[] {
  const found: SqlOption[] = [];
  let stream = '';
  let before = '';
  /** Open parentheses since WITH; 0 is outside of a list. */
  let depth = 0;
  /** The name that was read last, dots included. */
  let name = '';
  let key: string | undefined;
  for (const match of sql.matchAll(token)) {
    const {
      line,
      block,
      text,
      name: quoted,
      word,
      symbol,
    } = match.groups as Readonly<Record<string, string | undefined>>;
    const at = match.index;
    if (line !== undefined || block !== undefined) {
      found.push(...optionsOfComment(line ?? block!, at + 2, stream));
      continue;
    }
    if (symbol !== undefined) {
      if (symbol === '(') depth = depth > 0 ? depth + 1 : before === 'WITH' ? 1 : 0;
      else if (symbol === ')') depth = Math.max(0, depth - 1);
      if (symbol === '=') key = name;
      else if (symbol === '.') name += '.';
      else if (symbol !== '-' && symbol !== ':') {
        key = undefined;
        name = '';
      }
      before = symbol;
      continue;
    }
    const content = text ?? quoted ?? word!;
    if (/^(STREAM|TABLE)$/.test(before)) stream = content.toUpperCase();
    // A text behind a name is meant as its value where the sign between them is missing.
    const keyHere = key ?? (text !== undefined && name !== '' ? name : undefined);
    if (depth > 0 && keyHere !== undefined) {
      const start = at + (word === undefined ? 1 : 0);
      found.push({ stream, key: keyHere, start, end: start + content.length });
    }
    name = name.endsWith('.') ? name + content : content;
    before = word?.toUpperCase() ?? '';
  }
  return found;
}

function optionsOfComment(comment: string, offset: number, stream: string): SqlOption[] {
  return [...comment.matchAll(commentedOut)].map((match) => {
    const { quoted, bare, text, word } = match.groups as Readonly<Record<string, string | undefined>>;
    const value = text ?? word!;
    const isClosed = text !== undefined && match[0].endsWith("'") && match[0].length > match[0].indexOf("'") + 1;
    const end = offset + match.index + match[0].length - (isClosed ? 1 : 0);
    return { stream, key: quoted ?? bare!, start: end - value.length, end };
  });
}
