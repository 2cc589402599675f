/**
 * Texts that must not show up in what the program says. Those who write errors and logs leave secrets out; this is for what
 * comes from elsewhere: a server that repeats a token in its refusal, a library that quotes a URL.
 */
const mask = '******';
/** Shorter texts stand in too many words to be looked for. */
const minLength = 5;
/** The oldest is forgotten: secrets that rotate must not fill the memory. */
const maxTexts = 10_000;

export class Redaction {
  readonly #texts = new Set<string>();
  /** The longest first: a secret may be part of another. */
  #sorted: readonly string[] | undefined;

  add(texts: Iterable<string>): void {
    for (const text of texts) {
      for (const form of [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)]) this.#addOne(form);
    }
  }

  /** The same text without the secrets that are known. */
  text(text: string): string {
    this.#sorted ??= [...this.#texts].sort((a, b) => b.length - a.length);
    let clean = text;
    for (const secret of this.#sorted) if (clean.includes(secret)) clean = clean.replaceAll(secret, mask);
    return clean;
  }

  /** Of anything that can be logged: texts in it, however deep, and of errors what they say. */
  value(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null || value instanceof Error || depth > 4) return value;
    if (Array.isArray(value)) return value.map((item) => this.value(item, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.value(item, depth + 1)]));
  }

  #addOne(text: string): void {
    if (text.length < minLength || this.#texts.has(text)) return;
    this.#texts.add(text);
    this.#sorted = undefined;
    if (this.#texts.size > maxTexts) this.#texts.delete(this.#texts.values().next().value!);
  }
}
