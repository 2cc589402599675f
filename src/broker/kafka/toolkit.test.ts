import { doesNotThrow, equal, notEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { checkToolkit, loadToolkit } from './toolkit.ts';

test('the package that is pinned has all we use of it, and what is missing is named', async () => {
  const toolkit = await loadToolkit();
  doesNotThrow(() => checkToolkit(toolkit));
  const { syncGroupV5: _, ...others } = toolkit;
  throws(() => checkToolkit(others), { code: 'INTERNAL', message: /"syncGroupV5"/ });
});

test('two that load it at once get the same', async () => {
  const [one, other] = await Promise.all([loadToolkit(), loadToolkit()]);
  equal(one.Connection, other.Connection);
});

test('a program that embeds us has the whole package all the same, and a copy of its own', async () => {
  const { Connection } = await loadToolkit();
  const whole = await import('@platformatic/kafka');
  notEqual(whole.Connection, Connection);
  equal(typeof whole.listGroupsV5.api, 'function');
  equal(whole.baseOptionsValidator({ clientId: 5 }), false);
});
