import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { describeError, TributaryError } from './errors.ts';
import { listenError } from './listen-error.ts';

for (const [code, host, ours, text] of [
  [
    'EADDRINUSE',
    '127.0.0.1',
    'ADDRESS_IN_USE',
    'Cannot listen on 127.0.0.1:80: port 80 is in use by another program. Choose another one with --listen',
  ],
  ['EACCES', '::1', 'USAGE', 'Cannot listen on [::1]:80: this user may not. Change it with --listen'],
  [
    'EADDRNOTAVAIL',
    '192.0.2.1',
    'USAGE',
    'Cannot listen on 192.0.2.1:80: this machine has no such address. Change it with --listen',
  ],
  ['ENOTFOUND', 'x', 'USAGE', 'Cannot listen on x:80: this machine has no such address. Change it with --listen'],
] as const) {
  test(`${code} becomes one sentence with the address and the option`, () => {
    const cause = Object.assign(new Error('listen'), { code });
    const error = listenError(cause, host, 80, '--listen');
    ok(error instanceof TributaryError);
    equal(error.code, ours);
    equal(error.message, text);
    equal(describeError(error), text);
  });
}

test('any other error stays what it is', () => {
  for (const error of [new Error('x'), undefined, 'text']) equal(listenError(error, 'h', 1, '--listen'), error);
});
