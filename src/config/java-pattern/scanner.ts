/** A place in a pattern, and what is thrown where the pattern is wrong. */
export class JavaPatternError extends Error {
  constructor(problem: string, index: number, pattern: string) {
    const where = index < 0 ? '' : ` near index ${index}`;
    const caret = index >= 0 && index < pattern.length ? `\n${' '.repeat(index)}^` : '';
    super(`${problem}${where}\n${pattern}${caret}`);
  }
}

export class Scanner {
  readonly pattern: string;
  at = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get done(): boolean {
    return this.at >= this.pattern.length;
  }

  /** The code point here, empty at the end. */
  get char(): string {
    const point = this.pattern.codePointAt(this.at);
    return point === undefined ? '' : String.fromCodePoint(point);
  }

  next(): string {
    const { char } = this;
    this.at += char.length;
    return char;
  }

  /** Takes what follows if it is this text. */
  take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** Takes what matches from here on; the expression must be sticky. */
  match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.pattern);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  error(problem: string, index = this.at): JavaPatternError {
    return new JavaPatternError(problem, index, this.pattern);
  }
}

/** One character in a way that no syntax of JavaScript's patterns gives a meaning, in a class or outside. */
export function literal(char: string): string {
  return /^[A-Za-z0-9]$/.test(char) ? char : `\\u{${char.codePointAt(0)!.toString(16)}}`;
}
