import { type Long, longFromText } from '../values/long.ts';
import type { Json } from '../values/value.ts';

const maxDepth = 500;
const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

/** Text as a JSON value (RFC 8259); undefined where it is none. Integers of up to 64 bits keep all their digits. */
export function parseJson(text: string): Json | undefined {
  const reader = new Reader(text);
  const value = reader.value(0);
  return reader.isAtEnd() ? value : undefined;
}

/** Reads on as long as nothing is wrong; after a mistake it stands behind the end and nothing fits any more. */
class Reader {
  private readonly text: string;
  private at = 0;
  private failed = false;

  constructor(text: string) {
    this.text = text;
  }

  isAtEnd(): boolean {
    this.skipBlanks();
    return !this.failed && this.at === this.text.length;
  }

  value(depth: number): Json {
    this.skipBlanks();
    switch (this.text.charCodeAt(this.at)) {
      case 0x22:
        return this.string();
      case 0x7b:
        return depth < maxDepth ? this.object(depth + 1) : this.fail();
      case 0x5b:
        return depth < maxDepth ? this.array(depth + 1) : this.fail();
      case 0x74:
        return this.word('true', true);
      case 0x66:
        return this.word('false', false);
      case 0x6e:
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(depth: number): Json {
    const members = new Map<string, Json>();
    this.at++;
    this.skipBlanks();
    if (this.take(0x7d)) return members;
    do {
      this.skipBlanks();
      if (this.text.charCodeAt(this.at) !== 0x22) return this.fail();
      const key = this.string();
      this.skipBlanks();
      if (!this.take(0x3a)) return this.fail();
      members.set(key, this.value(depth));
      this.skipBlanks();
    } while (this.take(0x2c));
    return this.take(0x7d) ? members : this.fail();
  }

  private array(depth: number): Json {
    const elements: Json[] = [];
    this.at++;
    this.skipBlanks();
    if (this.take(0x5d)) return elements;
    do {
      elements.push(this.value(depth));
      this.skipBlanks();
    } while (this.take(0x2c));
    return this.take(0x5d) ? elements : this.fail();
  }

  private string(): string {
    const start = this.at;
    for (let at = start + 1; at < this.text.length; at++) {
      const unit = this.text.charCodeAt(at);
      if (unit === 0x22) {
        this.at = at + 1;
        return this.text.slice(start + 1, at);
      }
      if (unit === 0x5c) return this.escapedString(start, at);
      if (unit < 0x20) break;
    }
    return this.fail() ?? '';
  }

  /** Escapes are rare: the platform's own parser may read them. */
  private escapedString(start: number, firstEscape: number): string {
    let at = firstEscape;
    while (at < this.text.length && this.text.charCodeAt(at) !== 0x22) at += this.text.charCodeAt(at) === 0x5c ? 2 : 1;
    this.at = at + 1;
    try {
      return JSON.parse(this.text.slice(start, at + 1)) as string;
    } catch {
      return this.fail() ?? ''; // a wrong escape, a control character, or no end
    }
  }

  private number(): Long | null {
    number.lastIndex = this.at;
    const match = number.exec(this.text);
    if (match === null) return this.fail();
    this.at = number.lastIndex;
    if (match[1] === undefined && match[2] === undefined) return longFromText(match[0]) ?? Number(match[0]);
    return Number(match[0]);
  }

  private word<T extends Json>(word: string, value: T): T | null {
    if (!this.text.startsWith(word, this.at)) return this.fail();
    this.at += word.length;
    return value;
  }

  private take(unit: number): boolean {
    if (this.text.charCodeAt(this.at) !== unit) return false;
    this.at++;
    return true;
  }

  private skipBlanks(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.at++;
    }
  }

  private fail(): null {
    this.failed = true;
    this.at = this.text.length;
    return null;
  }
}
