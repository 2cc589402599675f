import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { applyHeaders, parseResponseHeaders } from './response-headers.ts';

test('entries are parted by commas, those with a comma stand in quotes', () => {
  deepEqual(parseResponseHeaders('add Cache-Control: no-cache, "set X-A: a, b",set X-Frame-Options:DENY'), [
    { action: 'add', name: 'Cache-Control', value: 'no-cache' },
    { action: 'set', name: 'X-A', value: 'a, b' },
    { action: 'set', name: 'X-Frame-Options', value: 'DENY' },
  ]);
  deepEqual(parseResponseHeaders(''), []);
});

for (const text of ['X-A: b', 'set X-A', 'put X-A: b', 'set X A: b', 'set X-A: b\u0000', 'setDate Expires: soon']) {
  test(`${JSON.stringify(text)} is refused`, () =>
    throws(() => parseResponseHeaders(text), { code: 'CONFIG_INVALID' }));
}

test('dates are counted from now', () => {
  const put: unknown[] = [];
  applyHeaders(parseResponseHeaders('setDate Expires: 60000, add X-A: b'), 0, (...entry) => put.push(entry));
  deepEqual(put, [
    ['Expires', 'Thu, 01 Jan 1970 00:01:00 GMT', true],
    ['X-A', 'b', false],
  ]);
});
