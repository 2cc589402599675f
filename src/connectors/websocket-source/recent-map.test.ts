import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { RecentMap } from './recent-map.ts';

test(`the one that was unused for longest gives way, as in a plain list (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  for (const size of [1, 2, 5]) {
    const map = new RecentMap<string>(size);
    let model: string[] = [];
    for (let step = 0; step < 300; step++) {
      const name = 'abcdefgh'[Math.floor(random() * 8)]!;
      const isThere = model.includes(name);
      equal(map.get(name), isThere ? name : undefined);
      if (!isThere) equal(map.add(name, name), model.length === size ? model.shift() : undefined);
      model = [...model.filter((other) => other !== name), name];
      deepEqual([map.size, [...map.values()].toSorted()], [model.length, model.toSorted()]);
    }
  }
});
