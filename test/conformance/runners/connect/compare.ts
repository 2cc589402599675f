/** Whether an answer is the recorded one: exactly, but for what test/conformance/connect/README.md leaves open. */
import type { Exchange } from './exchange.ts';
import type { Answer } from './send.ts';

interface Rules {
  /** Only what is recorded must be there; more may be. */
  readonly contains: boolean;
  /** True for lists that have no order, by where they stand. */
  readonly isUnordered: (at: string) => boolean;
}

const placeholder =
  /<(worker_id|version|commit|cluster_id|timestamp|trace|uuid|plugins|host|hash|source|path|internal|documentation)>/;

/** undefined where the answer fits, else where it does not. */
export function difference(exchange: Exchange, answer: Answer): string | undefined {
  const { response, compare, view } = exchange;
  if (answer.status !== response.status) {
    return `status: expected ${response.status}, got ${answer.status} ${shown(answer.body)}`;
  }
  if (compare === 'status') return undefined;
  const location = response.headers['location'];
  if (location !== undefined) {
    const wrong = differ(location, answer.headers['location'], 'location', strict);
    if (wrong !== undefined) return wrong;
  }
  const path = exchange.request.path.split('?')[0]!.replace(/\/$/, '');
  return differ(response.body, viewed(view, answer.body), '', {
    contains: compare === 'contains',
    isUnordered: (at) => isUnordered(path, at),
  });
}

/** True where `actual` has at least what `expected` has. */
export function matches(expected: unknown, actual: unknown): boolean {
  return differ(expected, actual, '', { contains: true, isUnordered: () => false }) === undefined;
}

const strict: Rules = { contains: false, isUnordered: () => false };

function isUnordered(path: string, at: string): boolean {
  if (/^\/(connectors|connector-plugins|admin\/loggers(\/.*)?)$/.test(path)) return at === '';
  if (path.endsWith('/topics')) return at.endsWith('topics');
  return path.endsWith('/offsets') && at === '.offsets';
}

function differ(expected: unknown, actual: unknown, at: string, rules: Rules): string | undefined {
  const no = (): string => `${at || 'body'}: expected ${shown(expected)}, got ${shown(actual)}`;
  if (typeof expected === 'string' && placeholder.test(expected)) return fits(expected, actual) ? undefined : no();
  if (kindOf(expected) !== kindOf(actual)) return no();
  if (Array.isArray(expected)) return differInList(expected, actual as readonly unknown[], at, rules);
  if (isObject(expected)) return differInObject(expected, actual as Members, at, rules);
  return expected === actual ? undefined : no();
}

function differInList(
  expected: readonly unknown[],
  actual: readonly unknown[],
  at: string,
  rules: Rules,
): string | undefined {
  if (isOptionList(expected)) return differInOptions(expected, actual, at, rules);
  if (!rules.contains && expected.length !== actual.length) {
    return `${at || 'body'}: expected ${expected.length} elements, got ${actual.length}: ${shown(actual)}`;
  }
  if (!rules.isUnordered(at)) {
    for (const [i, item] of expected.entries()) {
      const wrong = differ(item, actual[i], `${at}[${i}]`, rules);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  const rest = [...actual];
  for (const item of expected) {
    const found = rest.findIndex(
      (other) => differ(item, other, `${at}[]`, { ...rules, contains: false }) === undefined,
    );
    if (found === -1) return `${at || 'body'}: no element like ${shown(item)} in ${shown(actual)}`;
    rest.splice(found, 1);
  }
  return undefined;
}

/** Options of our own may stand between the recorded ones, whose order holds. */
function differInOptions(
  expected: readonly unknown[],
  actual: readonly unknown[],
  at: string,
  rules: Rules,
): string | undefined {
  let next = 0;
  for (const item of expected) {
    const name = nameOf(item);
    while (next < actual.length && nameOf(actual[next]) !== name) next++;
    if (next === actual.length) return `${at || 'body'}: no option "${name}", or out of order`;
    const wrong = differ(item, actual[next++], `${at}[${name}]`, rules);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function differInObject(expected: Members, actual: Members, at: string, rules: Rules): string | undefined {
  for (const [key, value] of Object.entries(expected)) {
    if (!(key in actual)) return `${at}.${key}: missing`;
    const wrong = differ(value, actual[key], `${at}.${key}`, rules);
    if (wrong !== undefined) return wrong;
  }
  if (rules.contains) return undefined;
  const extra = Object.keys(actual).find((key) => !(key in expected));
  return extra === undefined ? undefined : `${at}.${extra}: not expected, got ${shown(actual[extra])}`;
}

function fits(expected: string, actual: unknown): boolean {
  if (expected === '<timestamp>') return typeof actual === 'number';
  if (typeof actual !== 'string') return false;
  const parts = expected.split(new RegExp(placeholder.source, 'g')); // text, name, text, name, …
  const pattern = parts.map((part, i) => {
    if (i % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return part === 'uuid' ? '[0-9a-f-]{36}' : '[^]+?';
  });
  return new RegExp(`^${pattern.join('')}$`).test(actual);
}

/** Of a validation answer, the part that was recorded. */
function viewed(view: string | undefined, body: unknown): unknown {
  if (view === undefined || !isObject(body) || !Array.isArray(body['configs'])) return body;
  const configs = body['configs'] as readonly { readonly definition: unknown; readonly value: ValueInfo }[];
  const head = { name: body['name'], error_count: body['error_count'] };
  const key = view.slice('validate:'.length);
  if (view !== 'validate') return { ...head, config: configs.find(({ value }) => value.name === key) ?? null };
  const wrong = configs.filter(({ definition, value }) => value.errors.length > 0 || definition === null);
  return {
    ...head,
    groups: body['groups'],
    keys: configs.map(({ value }) => value.name),
    values: Object.fromEntries(wrong.map(({ value }) => [value.name, value])),
  };
}

type Members = Readonly<Record<string, unknown>>;

interface ValueInfo {
  readonly name: string;
  readonly errors: readonly string[];
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOptionList(list: readonly unknown[]): boolean {
  const isOption = (item: unknown): boolean =>
    isObject(item) && (('importance' in item && 'default_value' in item) || ('value' in item && 'definition' in item));
  const isKeys = list.includes('connector.class') && list.every((item) => typeof item === 'string');
  return list.length > 0 && (list.every(isOption) || isKeys);
}

function nameOf(item: unknown): unknown {
  if (!isObject(item)) return item;
  if (item['name'] !== undefined) return item['name'];
  const { value, definition } = item as { readonly value?: Members; readonly definition?: Members };
  return value?.['name'] ?? definition?.['name'];
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function shown(value: unknown): string {
  const text = value === undefined ? '(absent)' : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
