import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { keysOfEnvironment } from './environment.ts';

test('a variable that fits two keys is an error that names both', () => {
  const { found, problems } = keysOfEnvironment({ TRIBUTARY_A_B_C: '1' }, ['a.b.c', 'a.b-c', 'd']);
  deepEqual([...found], []);
  deepEqual(problems, [
    { file: 'environment', key: 'TRIBUTARY_A_B_C', message: 'it fits more than one key: a.b.c, a.b-c' },
  ]);
});

test('variables of others are left alone', () => {
  deepEqual(keysOfEnvironment({ PATH: '/bin', TRIBUTARY_FEEDS: '/x' }, ['broker']).problems, []);
});
