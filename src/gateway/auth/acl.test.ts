import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type AclRule, rightsOf } from './acl.ts';
import { anonymous, type Identity } from './identity.ts';

const alice: Identity = { principal: 'alice', claims: { sub: 'alice', role: ['trader', 'ops'] }, expiresMs: null };

/** A reference to a claim, as rules write it. */
function claim(name: string): string {
  return `$\{${name}}`;
}

function rule(more: Partial<AclRule>): AclRule {
  return { who: ['*'], claims: {}, can: ['subscribe'], topics: ['*'], keys: null, groups: [], ...more };
}

test('without rules everything but internal topics is open, unless clients are authenticated', () => {
  const open = rightsOf(anonymous, { rules: undefined, internalTopics: false, authenticated: false });
  equal(open.subscribe('t'), null);
  equal(open.publish('__offsets'), undefined);
  const closed = rightsOf(alice, { rules: undefined, internalTopics: false, authenticated: true });
  equal(closed.subscribe('t'), undefined);
  equal(closed.group('g'), false);
});

const cases: readonly (readonly [
  what: string,
  rule: Partial<AclRule>,
  who: Identity,
  topic: string,
  allowed: boolean,
])[] = [
  ['everybody means everybody who is known', {}, alice, 't', true],
  ['everybody does not mean the anonymous', {}, anonymous, 't', false],
  ['the anonymous are named', { who: ['anonymous'] }, anonymous, 't', true],
  ['nobody is called anonymous', { who: ['anonymous'] }, { ...alice, principal: 'anonymous' }, 't', false],
  ['a name with a star', { who: ['al*'] }, alice, 't', true],
  ['another name', { who: ['bob'] }, alice, 't', false],
  ['a pattern of topics', { topics: ['orders.*'] }, alice, 'orders.eu', true],
  ['a dot is a dot', { topics: ['orders.*'] }, alice, 'ordersXeu', false],
  ['a claim in a list', { claims: { role: 'trader' } }, alice, 't', true],
  ['a claim that differs', { claims: { role: 'admin' } }, alice, 't', false],
  ['a claim that is not there', { claims: { tenant: 'x' } }, alice, 't', false],
  ["a claim of the object's own kind is none", { claims: { constructor: Object } }, alice, 't', false],
  ['a claim in a pattern', { topics: [`user.${claim('sub')}.*`] }, alice, 'user.alice.in', true],
  ['the claim of another', { topics: [`user.${claim('sub')}.*`] }, alice, 'user.bob.in', false],
  ['a missing claim in a pattern', { topics: [`user.${claim('tenant')}.*`] }, alice, 'user..in', false],
  ['a claim with a star', { topics: [`user.${claim('sub')}`] }, { ...alice, claims: { sub: '*' } }, 'user.bob', false],
  ['an internal topic by a pattern', { topics: ['*'] }, alice, '__x', false],
];

for (const [what, more, who, topic, allowed] of cases) {
  test(`${what}: ${allowed ? 'granted' : 'refused'}`, () => {
    const rights = rightsOf(who, { rules: [rule(more)], internalTopics: true, authenticated: true });
    equal(rights.subscribe(topic) !== undefined, allowed);
    equal(rights.publish(topic), undefined);
  });
}

test('an internal topic is granted where a rule names it and the gateway shows them', () => {
  const rules = [rule({ topics: ['__x'] })];
  equal(rightsOf(alice, { rules, internalTopics: true, authenticated: true }).subscribe('__x'), null);
  equal(rightsOf(alice, { rules, internalTopics: false, authenticated: true }).subscribe('__x'), undefined);
});

test('keys of several rules add up, and a rule without keys frees them all', () => {
  const keyed = [rule({ keys: [claim('sub')] }), rule({ keys: ['shared'] })];
  const options = { internalTopics: false, authenticated: true };
  deepEqual(rightsOf(alice, { ...options, rules: keyed }).subscribe('t'), ['alice', 'shared']);
  equal(rightsOf(alice, { ...options, rules: [...keyed, rule({})] }).subscribe('t'), null);
});

test('groups are a right of their own', () => {
  const rights = rightsOf(alice, {
    rules: [rule({ can: ['group'], groups: ['web-*'] })],
    internalTopics: false,
    authenticated: true,
  });
  equal(rights.group('web-1'), true);
  equal(rights.group('app'), false);
});
