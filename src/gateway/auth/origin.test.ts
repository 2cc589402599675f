import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isHostAllowed, isOriginAllowed } from './origin.ts';

const rules = {
  origins: ['https://app.example', 'https://*.dash.example', 'http://dev.example:3000'],
  hosts: [],
  isTls: false,
};

const origins: readonly (readonly [origin: string | undefined, allowed: boolean])[] = [
  [undefined, true],
  ['https://app.example', true],
  ['http://app.example', false],
  ['https://app.example:8443', false],
  ['https://eu.dash.example', true],
  ['https://a.b.dash.example', true],
  ['https://dash.example', false],
  ['https://dash.example.evil.example', false],
  ['https://evildash.example', false],
  ['http://dev.example:3000', true],
  ['http://127.0.0.1:7080', true],
  ['http://127.0.0.1:7081', false],
  ['null', false],
  ['https://app.example/path', false],
  ['https://user@app.example', false],
  ['javascript:alert(1)', false],
  ['', false],
];

for (const [origin, allowed] of origins) {
  test(`origin ${origin ?? '(none)'} is ${allowed ? 'allowed' : 'refused'}`, () =>
    equal(isOriginAllowed(origin, '127.0.0.1:7080', rules), allowed));
}

test('a star alone allows every origin, null where it is listed', () => {
  equal(isOriginAllowed('https://x.example', 'h', { ...rules, origins: ['*'] }), true);
  equal(isOriginAllowed('null', 'h', { ...rules, origins: ['null'] }), true);
});

for (const host of ['localhost', 'localhost:7080', '127.0.0.1:7080', '127.9.9.9', '[::1]:7080', 'x.localhost']) {
  test(`host ${host} is this machine`, () => equal(isHostAllowed(host, []), true));
}

for (const host of [undefined, 'evil.example', '127.0.0.1.evil.example', '10.0.0.1', 'localhost.evil.example']) {
  test(`host ${host ?? '(none)'} is not`, () => equal(isHostAllowed(host, []), false));
}

test('further hosts are listed, with or without their port', () => {
  equal(isHostAllowed('gw.example:7080', ['gw.example']), true);
  equal(isHostAllowed('gw.example:7080', ['gw.example:7080']), true);
});

test('a star among the hosts takes every name, but not none', () => {
  equal(isHostAllowed('anything.example', ['*']), true);
  equal(isHostAllowed(undefined, ['*']), false);
});
