import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isForeignWrite, isKnownHost } from './origin.ts';

const host = 'localhost:8083';
const writes: readonly (readonly [
  headers: { origin?: string; fetchSite?: string },
  foreign: boolean,
  allowed?: string[],
])[] = [
  [{}, false],
  [{ origin: 'http://localhost:8083' }, false],
  [{ origin: 'https://LOCALHOST:8083' }, false],
  [{ origin: 'http://localhost:3000' }, true],
  [{ origin: 'http://evil.example' }, true],
  [{ origin: 'null' }, true],
  [{ origin: 'http://evil.example', fetchSite: 'same-origin' }, true],
  [{ fetchSite: 'cross-site' }, true],
  [{ fetchSite: 'same-site' }, true],
  [{ fetchSite: 'same-origin' }, false],
  [{ fetchSite: 'none' }, false],
  [{ origin: 'http://ui.example', fetchSite: 'cross-site' }, false, ['http://ui.example']],
  [{ origin: 'http://ui.example' }, false, ['*']],
  [{ origin: 'http://evil.example' }, true, ['http://ui.example']],
];

for (const [headers, foreign, allowed = []] of writes) {
  test(`a write with ${JSON.stringify(headers)} is ${foreign ? 'refused' : 'let in'}, ${allowed} allowed`, () => {
    const asked = { host, origin: headers.origin, fetchSite: headers.fetchSite };
    equal(isForeignWrite({ ...asked, method: 'POST' }, allowed), foreign);
    equal(isForeignWrite({ ...asked, method: 'DELETE' }, allowed), foreign);
    equal(isForeignWrite({ ...asked, method: 'GET' }, allowed), false);
  });
}

for (const [name, known] of [
  ['localhost', true],
  ['localhost:8083', true],
  ['a.localhost:1', true],
  ['127.0.0.1:8083', true],
  ['127.8.8.8', true],
  ['[::1]:8083', true],
  ['worker.example:8083', false],
  ['evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['proxy.example', true],
  [undefined, true],
] as const) {
  test(`a listener for this machine ${known ? 'answers to' : 'refuses'} the host ${name}`, () => {
    equal(isKnownHost(name, ['Proxy.example']), known);
  });
}
