import { doesNotThrow, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { checkToolkit, loadToolkit } from './toolkit.ts';

test('the package that is pinned has all we use of it, and what is missing is named', async () => {
  const toolkit = await loadToolkit();
  doesNotThrow(() => checkToolkit(toolkit));
  const { syncGroupV5: _, ...others } = toolkit;
  throws(() => checkToolkit(others), { code: 'INTERNAL', message: /"syncGroupV5"/ });
});
