import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../../base/errors.ts';
import type { Wire } from './connections.ts';
import { Coordinators } from './coordinators.ts';
import type { Metadata } from './metadata.ts';
import type { Toolkit } from './toolkit.ts';

const notAvailable = 15;
const notAuthorized = 53;

/** Answers by hand, in order, and tells which keys were asked for together. */
class Node {
  readonly asked: string[][] = [];
  readonly #codes: Readonly<Record<string, number>>;
  #answer: (() => void)[] = [];

  constructor(codes: Readonly<Record<string, number>> = {}) {
    this.#codes = codes;
  }

  get wire(): Wire {
    const call = (_: unknown, __: number, keys: string[]): Promise<unknown> => {
      this.asked.push(keys);
      const coordinators = keys.map((key) => ({
        key,
        nodeId: 1,
        host: `of-${key}`,
        port: 9092,
        errorCode: this.#codes[key] ?? 0,
        errorMessage: null,
      }));
      return new Promise((resolve) => this.#answer.push(() => resolve({ coordinators })));
    };
    return { call } as unknown as Wire;
  }

  async answer(): Promise<void> {
    for (const answer of this.#answer.splice(0)) answer();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function coordinatorsBy(node: Node): Coordinators {
  const anyNode: Metadata['anyNode'] = (ask) => ask(node.wire);
  return new Coordinators({ findCoordinatorV4: { api: undefined } } as unknown as Toolkit, { anyNode });
}

test('keys asked for in one turn, and those that come while it is answered, are asked for together', async () => {
  const node = new Node();
  const coordinators = coordinatorsBy(node);
  const first = ['a', 'b', 'a'].map((key) => coordinators.find('transaction', key));
  await settled();
  const later = ['c', 'd'].map((key) => coordinators.find('transaction', key));
  await settled();
  deepEqual(node.asked, [['a', 'b']]);
  await node.answer();
  deepEqual(node.asked, [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  await node.answer();
  const hosts = (await Promise.all([...first, ...later])).map(({ host }) => host);
  deepEqual(hosts, ['of-a', 'of-b', 'of-a', 'of-c', 'of-d']);
});

test('what was found is remembered until it is forgotten', async () => {
  const node = new Node();
  const coordinators = coordinatorsBy(node);
  const find = async (): Promise<void> => {
    const found = coordinators.find('group', 'a');
    await settled();
    await node.answer();
    await found;
  };
  await find();
  await find();
  equal(node.asked.length, 1);
  coordinators.forget('group', 'a');
  await find();
  equal(node.asked.length, 2);
});

test('each hears its own answer, also where none of them has a coordinator', async () => {
  const answers: readonly Readonly<Record<string, number>>[] = [
    { a: notAvailable },
    { a: notAvailable, b: notAvailable },
    { a: notAuthorized, b: notAuthorized },
  ];
  for (const codes of answers) {
    const node = new Node(codes);
    const coordinators = coordinatorsBy(node);
    const outcomes = ['a', 'b'].map((key) =>
      coordinators.find('transaction', key).then(
        ({ host }) => host,
        (error: unknown) => (isError(error) ? error.message : 'no error of ours'),
      ),
    );
    await settled();
    await node.answer();
    const [a, b] = await Promise.all(outcomes);
    equal(a?.includes('transaction "a"'), true, a);
    equal(b?.includes('b' in codes ? 'transaction "b"' : 'of-b'), true, b);
  }
});

test('where no node answers, all are told so, and the next who asks is asked for anew', async () => {
  const node = new Node();
  let isAway = true;
  const anyNode: Metadata['anyNode'] = (ask) => (isAway ? Promise.reject(new Error('away')) : ask(node.wire));
  const toolkit = { findCoordinatorV4: { api: undefined } } as unknown as Toolkit;
  const coordinators = new Coordinators(toolkit, { anyNode });
  await rejects(coordinators.find('transaction', 'a'), /away/);
  isAway = false;
  const found = coordinators.find('transaction', 'a');
  await settled();
  await node.answer();
  equal((await found).host, 'of-a');
});
