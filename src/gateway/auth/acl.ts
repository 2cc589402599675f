/** Access rules (PROTOCOL.md, section 9.3). Rules only grant: no rule, no access. Pure. */
import { isInternalTopic } from '../../wire/gateway/names.ts';
import { topicMatcher } from '../../wire/gateway/pattern.ts';
import type { Identity } from './identity.ts';

export interface AclRule {
  /** Principals with `*`; `*` alone is every authenticated one, `anonymous` the others. */
  readonly who: readonly string[];
  /** All must match: the value, or a list that contains it. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly can: readonly ('subscribe' | 'publish' | 'group')[];
  readonly topics: readonly string[];
  /** null: any key. */
  readonly keys: readonly string[] | null;
  readonly groups: readonly string[];
}

/** What one client may do. */
export interface Rights {
  /** Keys that may be seen (null: all), or undefined where the topic may not be read. */
  subscribe(topic: string): readonly string[] | null | undefined;
  /** Keys that may be written (null: all), or undefined. */
  publish(topic: string): readonly string[] | null | undefined;
  group(name: string): boolean;
}

export interface AclOptions {
  /** Undefined: nothing is restricted but internal topics. */
  readonly rules: readonly AclRule[] | undefined;
  readonly internalTopics: boolean;
  /** Whether clients are authenticated at all; without rules nobody who is may do anything. */
  readonly authenticated: boolean;
}

interface Grant {
  readonly can: ReadonlySet<string>;
  readonly topics: readonly { readonly pattern: string; readonly fits: (topic: string) => boolean }[];
  readonly keys: readonly string[] | null;
  readonly groups: readonly ((name: string) => boolean)[];
}

export function rightsOf(identity: Identity, { rules, internalTopics, authenticated }: AclOptions): Rights {
  if (rules === undefined) {
    const all = (topic: string): null | undefined => (authenticated || isInternalTopic(topic) ? undefined : null);
    return { subscribe: all, publish: all, group: () => !authenticated };
  }
  const grants = rules.flatMap((rule) => grantOf(rule, identity) ?? []);
  const keysFor = (action: string, topic: string): readonly string[] | null | undefined => {
    let keys: string[] | undefined;
    for (const grant of grants) {
      if (!grant.can.has(action) || !grant.topics.some((entry) => covers(entry, topic, internalTopics))) continue;
      if (grant.keys === null) return null;
      keys = [...(keys ?? []), ...grant.keys];
    }
    return keys;
  };
  return {
    subscribe: (topic) => keysFor('subscribe', topic),
    publish: (topic) => keysFor('publish', topic),
    group: (name) => grants.some(({ can, groups }) => can.has('group') && groups.some((fits) => fits(name))),
  };
}

/** Internal topics are named literally or not at all. */
function covers(entry: Grant['topics'][number], topic: string, internalTopics: boolean): boolean {
  return isInternalTopic(topic) ? internalTopics && entry.pattern === topic : entry.fits(topic);
}

/** Undefined where the rule is not about this client, or names a claim that it does not have. */
function grantOf(rule: AclRule, identity: Identity): Grant | undefined {
  if (!rule.who.some((who) => isAbout(who, identity))) return undefined;
  for (const [name, wanted] of Object.entries(rule.claims)) {
    const value = Object.hasOwn(identity.claims, name) ? identity.claims[name] : undefined;
    if (!(Array.isArray(value) ? value : [value]).some((one) => one === wanted)) return undefined;
  }
  const fill = (texts: readonly string[]): string[] | undefined => {
    const filled = texts.map((text) => withClaims(text, identity));
    return filled.every((text) => text !== undefined) ? (filled as string[]) : undefined;
  };
  const topics = fill(rule.topics);
  const keys = rule.keys === null ? null : fill(rule.keys);
  const groups = fill(rule.groups);
  if (topics === undefined || keys === undefined || groups === undefined) return undefined;
  return {
    can: new Set(rule.can),
    topics: topics.map((pattern) => ({ pattern, fits: topicMatcher(pattern) })),
    keys,
    groups: groups.map(topicMatcher),
  };
}

function isAbout(who: string, { principal }: Identity): boolean {
  if (principal === null) return who === 'anonymous';
  return who !== 'anonymous' && topicMatcher(who)(principal);
}

/** `${claim}` becomes a string claim; undefined where it is missing or holds a `*`, which would widen the rule. */
function withClaims(text: string, { claims, principal }: Identity): string | undefined {
  let complete = true;
  const filled = text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const own = Object.hasOwn(claims, name) ? claims[name] : name === 'sub' ? principal : undefined;
    if (typeof own !== 'string' || own.includes('*')) {
      complete = false;
      return '';
    }
    return own;
  });
  return complete ? filled : undefined;
}
