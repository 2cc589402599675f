import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type Reloadable, reloadTogether } from './reload-together.ts';

/** `finds`: what is wrong, by its own look. `endsAt`: it is gone by then, and answers nothing. */
function processOf(
  number: number,
  did: string[],
  { finds, endsAt }: { readonly finds?: string; readonly endsAt?: 'prepare' | 'apply' } = {},
): Reloadable {
  let isServing = true;
  const step = (name: 'prepare' | 'apply'): void => {
    did.push(`${name} ${number}`);
    if (endsAt !== name) return;
    isServing = false;
    throw new Error('it has ended');
  };
  return {
    number,
    get isServing() {
      return isServing;
    },
    async prepareReload() {
      step('prepare');
      return finds;
    },
    async applyReload() {
      step('apply');
      return ['listen', `of-${number}`];
    },
    abandonReload: () => void did.push(`abandon ${number}`),
  };
}

test('where one process finds something wrong none of them changes, and the reason names it', async () => {
  const did: string[] = [];
  const processes = [processOf(1, did), processOf(2, did, { finds: 'no keys' }), processOf(3, did)];
  await rejects(reloadTogether(processes), { code: 'CONFIG_INVALID', message: 'no keys (process 2)' });
  deepEqual(did, ['prepare 1', 'prepare 2', 'prepare 3', 'abandon 1', 'abandon 2', 'abandon 3']);
});

test('all apply what all have checked, and keys that take a restart are told once', async () => {
  const did: string[] = [];
  deepEqual(await reloadTogether([processOf(1, did), processOf(2, did)]), ['listen', 'of-1', 'of-2']);
  deepEqual(did, ['prepare 1', 'prepare 2', 'apply 1', 'apply 2']);
});

for (const endsAt of ['prepare', 'apply'] as const) {
  test(`a process that ends when it is to ${endsAt} keeps no other one from it`, async () => {
    const did: string[] = [];
    deepEqual(await reloadTogether([processOf(1, did, { endsAt }), processOf(2, did)]), ['listen', 'of-2']);
    deepEqual(did, ['prepare 1', 'prepare 2', ...(endsAt === 'apply' ? ['apply 1'] : []), 'apply 2']);
  });
}

test('a process that lives and does not answer is a reason for none to change', async () => {
  const did: string[] = [];
  const stuck: Reloadable = {
    ...processOf(2, did),
    isServing: true,
    prepareReload: () => Promise.reject(new Error('no answer')),
  };
  await rejects(reloadTogether([processOf(1, did), stuck]), {
    code: 'CONFIG_INVALID',
    message: 'no answer (process 2)',
  });
  deepEqual(did, ['prepare 1', 'abandon 1', 'abandon 2']);
});
