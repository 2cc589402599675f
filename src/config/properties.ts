/**
 * Files in the syntax of java.util.Properties (its class documentation is the specification): what Kafka Connect's worker
 * and connector files are written in.
 */
export interface Property {
  readonly key: string;
  readonly value: string;
  /** Line on which the entry begins, 1 is the first. */
  readonly line: number;
}

export type PropertiesResult =
  | { readonly ok: true; readonly properties: readonly Property[] }
  | { readonly ok: false; readonly line: number; readonly problem: string };

/** Entries in the order of the file. A key may occur again: in Java the last one counts, the caller decides. */
export function parseProperties(text: string): PropertiesResult {
  const properties: Property[] = [];
  for (const { content, line } of logicalLines(text)) {
    const raw = split(content);
    const key = unescaped(raw.key);
    const value = unescaped(raw.value);
    if (key === undefined || value === undefined) {
      return { ok: false, line, problem: 'Malformed \\u escape: four hexadecimal digits are wanted' };
    }
    properties.push({ key, value, line });
  }
  return { ok: true, properties };
}

interface LogicalLine {
  readonly content: string;
  readonly line: number;
}

/** Natural lines joined where one ends in an odd number of backslashes; blank lines and comments left out. */
function logicalLines(text: string): LogicalLine[] {
  const natural = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  const found: LogicalLine[] = [];
  for (let i = 0; i < natural.length; i++) {
    let content = trimStart(natural[i]!);
    // A comment is never continued, whatever it ends in.
    if (content === '' || content.startsWith('#') || content.startsWith('!')) continue;
    const line = i + 1;
    while (endsOpen(content)) {
      content = content.slice(0, -1);
      if (i + 1 >= natural.length) break;
      content += trimStart(natural[++i]!);
    }
    if (content !== '') found.push({ content, line });
  }
  return found;
}

function endsOpen(line: string): boolean {
  const backslashes = /\\*$/.exec(line)![0].length;
  return backslashes % 2 === 1;
}

function trimStart(line: string): string {
  return line.replace(/^[ \t\f]+/, '');
}

/** The key ends at the first unescaped `=`, `:` or blank; one `=` or `:` among the blanks behind it belongs to neither. */
function split(content: string): { key: string; value: string } {
  let end = 0;
  while (end < content.length && !/[=: \t\f]/.test(content[end]!)) end += content[end] === '\\' ? 2 : 1;
  end = Math.min(end, content.length);
  const behind = trimStart(content.slice(end));
  return { key: content.slice(0, end), value: /^[=:]/.test(behind) ? trimStart(behind.slice(1)) : behind };
}

const named: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** undefined for a `\u` without four hexadecimal digits. A backslash before any other character only vanishes. */
function unescaped(text: string): string | undefined {
  let malformed = false;
  const plain = text.replace(/\\(u[\s\S]{0,4}|[\s\S]|$)/g, (_, sequence: string) => {
    if (!sequence.startsWith('u')) return named[sequence] ?? sequence;
    if (!/^u[0-9a-fA-F]{4}$/.test(sequence)) malformed = true;
    return String.fromCharCode(Number.parseInt(sequence.slice(1), 16) || 0);
  });
  return malformed ? undefined : plain;
}
