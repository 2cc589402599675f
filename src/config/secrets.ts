/**
 * Where secrets stand in a configuration: whole values of password options and of keys whose names say so, and parts of
 * other values: user and token of a URL, header values, members of a JSON message, options in a text of SQL. What shows a
 * configuration hides them, and what logs looks for their texts.
 */
import type { RawConfig } from './raw.ts';
import { sqlOptions } from './sql-options.ts';

export const mask = '******';

/** A part of a value, and what it is called there: two versions of a value are compared by it. */
export interface SecretSpan {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** A text that is nothing but a reference to a secret tells no secret. */
const reference = /^\s*\$\{[^{}]+\}\s*$/;

/** Names of headers, parameters and members whose values are secret. */
const secretName =
  /pass(word|wd|phrase|code)?$|secret|token|credential|authori[sz]ation|cookie|signature|jwt|^sign?$|^auth$|(^|[-_.])(key|auth)$|api[-_.]?key|access[-_.]?key|private[-_.]?key|session[-_.]?id/i;
/** Names of options, which more often speak of a secret than hold one (`oauth.token.url`, `websocket.key.pointer`). */
const secretKey =
  /(pass(word|wd|phrase)|secret|credentials?|jaas\.config|user\.info|api[-_.]?key|access[-_.]?key|token|authori[sz]ation|cookie)$/i;
const headerKey = /(^|\.)headers?\.([\w-]+)$/i;
const sqlKey = /^sql\.text$/;
const headerListKey = /(^|\.)headers$/i;

/** Parts of a value that nobody may see, in order and apart from each other. `isPassword`: the option says so. */
export function secretSpans(key: string, value: string, isPassword: boolean): readonly SecretSpan[] {
  if (value.trim() === '' || reference.test(value)) return [];
  if (isPassword || isSecretKey(key, value)) return [{ start: 0, end: value.length, label: 'value' }];
  const inOptions = sqlKey.test(key) ? sqlSpans(value) : [];
  const spans = [
    ...inOptions,
    ...urlSpans(value),
    ...(headerListKey.test(key) ? headerSpans(value) : memberSpans(value)),
  ];
  return apart(spans).filter(({ start, end }) => !reference.test(value.slice(start, end)));
}

export function masked(config: RawConfig, passwordKeys: ReadonlySet<string>): RawConfig {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, maskedValue(key, value, passwordKeys.has(key))]),
  );
}

export function maskedValue(key: string, value: string, isPassword: boolean): string {
  let shown = '';
  let at = 0;
  for (const { start, end } of secretSpans(key, value, isPassword)) {
    shown += value.slice(at, start) + mask;
    at = end;
  }
  return shown + value.slice(at);
}

export type Unmasked =
  | { readonly ok: true; readonly config: RawConfig }
  /** A mask stands where there is nothing to keep. */
  | { readonly ok: false; readonly key: string };

/** What a client meant that got masks and sends them back: the secrets that it could not see, as they were. */
export function unmasked(
  config: RawConfig,
  previous: RawConfig | undefined,
  passwordKeys: ReadonlySet<string>,
): Unmasked {
  const found: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!value.includes(mask)) continue;
    const isPassword = passwordKeys.has(key);
    const before = previous?.[key];
    const restored =
      before !== undefined && maskedValue(key, before, isPassword) === value.trim()
        ? before
        : restoredValue(key, value, before, isPassword);
    if (restored === undefined) return { ok: false, key };
    found[key] = restored;
  }
  return { ok: true, config: { ...config, ...found } };
}

/** Texts of a configuration whose references are resolved that must be seen nowhere. */
export function secretTexts(config: RawConfig, passwordKeys: ReadonlySet<string>): readonly string[] {
  return Object.entries(config).flatMap(([key, value]) =>
    secretSpans(key, value, passwordKeys.has(key)).flatMap(({ start, end }) => {
      const text = value.slice(start, end);
      // Of SQL both as it is written and as the connector has it.
      const texts = sqlKey.test(key) && text.includes("''") ? [text, text.replaceAll("''", "'")] : [text];
      return texts.flatMap((each) => forms(each.trim()));
    }),
  );
}

/** The rest of a value whose masks were put back; undefined where one has no secret of the same name before it. */
function restoredValue(
  key: string,
  value: string,
  before: string | undefined,
  isPassword: boolean,
): string | undefined {
  const known = new Map<string, string>();
  for (const { start, end, label } of secretSpans(key, before ?? '', isPassword)) {
    known.set(label, before!.slice(start, end));
  }
  let text = '';
  let at = 0;
  for (const { start, end, label } of secretSpans(key, value, isPassword)) {
    if (value.slice(start, end).trim() !== mask) continue;
    const secret = known.get(label);
    if (secret === undefined) return undefined;
    text += value.slice(at, start) + secret;
    at = end;
  }
  return text + value.slice(at);
}

function isSecretKey(key: string, value: string): boolean {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value)) return true;
  const header = headerKey.exec(key)?.[2];
  if (header !== undefined && secretName.test(header)) return true;
  return secretKey.test(key) && !/^\s*(true|false)\s*$/i.test(value);
}

/** `scheme://user:password@`, `scheme://token@`, and parameters whose name says that they are secret. */
function urlSpans(value: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  const count = counter();
  for (const match of value.matchAll(/\b[a-z][a-z0-9+.-]*:\/\/([^\s/?#@"]*(?:@[^\s/?#@"]*)*)@/gi)) {
    const userInfo = match[1]!;
    const start = match.index + match[0].length - 1 - userInfo.length;
    const colon = userInfo.indexOf(':');
    spans.push({ start: start + colon + 1, end: start + userInfo.length, label: count('user') });
  }
  for (const match of value.matchAll(/[?&;]([^\s?&;=#"]+)=([^\s&;#"]+)/g)) {
    const [whole, name, text] = match as unknown as [string, string, string];
    const end = match.index + whole.length;
    if (secretName.test(name)) spans.push({ start: end - text.length, end, label: count(`parameter ${name}`) });
  }
  return spans;
}

/** Secrets of a stream are its own: a mask behind another stream's name does not bring them back. */
function sqlSpans(value: string): SecretSpan[] {
  const count = counter();
  return sqlOptions(value).flatMap(({ stream, key, start, end }) => {
    const of = count(`${stream} ${key.toLowerCase()}`);
    return secretSpans(key, value.slice(start, end), false).map((span) => ({
      start: start + span.start,
      end: start + span.end,
      label: `${of} ${span.label}`,
    }));
  });
}

/** `name:value,name:value` */
function headerSpans(value: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  const count = counter();
  for (const match of value.matchAll(/(?:^|,)\s*([^,:]+?)\s*:\s*([^,]*)/g)) {
    const [whole, name, text] = match as unknown as [string, string, string];
    const end = match.index + whole.length;
    if (!secretName.test(name) || text.trim() === '') continue;
    spans.push({ start: end - text.length, end, label: count(`header ${name.toLowerCase()}`) });
  }
  return spans;
}

/** `"token": "…"` of a JSON message, and `Bearer …` in any text. */
function memberSpans(value: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  const count = counter();
  for (const match of value.matchAll(/"([^"\\]+)"\s*:\s*"((?:[^"\\]|\\.)+)"/g)) {
    const [whole, name, text] = match as unknown as [string, string, string];
    const end = match.index + whole.length - 1;
    if (secretName.test(name)) spans.push({ start: end - text.length, end, label: count(`member ${name}`) });
  }
  for (const match of value.matchAll(/\b(?:bearer|basic)\s+([^\s",;]{4,})/gi)) {
    const end = match.index + match[0].length;
    spans.push({ start: end - match[1]!.length, end, label: count('scheme') });
  }
  return spans;
}

function counter(): (name: string) => string {
  const seen = new Map<string, number>();
  return (name) => {
    const n = (seen.get(name) ?? 0) + 1;
    seen.set(name, n);
    return `${name} ${n}`;
  };
}

function apart(spans: readonly SecretSpan[]): SecretSpan[] {
  const kept: SecretSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start >= (kept.at(-1)?.end ?? 0) && span.end > span.start) kept.push(span);
  }
  return kept;
}

/** As written, as it was before it was put into a URL, and what comes behind `Bearer `. */
function forms(text: string): string[] {
  const behindScheme = /^(?:bearer|basic|token)\s+(.+)$/is.exec(text)?.[1];
  return [text, ...decoded(text), ...(behindScheme === undefined ? [] : [behindScheme])];
}

function decoded(text: string): string[] {
  if (!text.includes('%')) return [];
  try {
    return [decodeURIComponent(text)];
  } catch {
    return []; // a percent sign that is one
  }
}
