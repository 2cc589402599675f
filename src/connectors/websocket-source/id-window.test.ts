import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { IdWindow } from './id-window.ts';

test('an id is known until as many others have come as the window holds', () => {
  const window = new IdWindow(3);
  const fresh = ['a', 'b', 'a', 'c', 'a', 'd', 'b', 'a', 'd'].filter((id) => window.add(id));
  // With d the oldest, a, gives way; then it is new again, and b gives way to it, which is known by then.
  deepEqual(fresh, ['a', 'b', 'c', 'd', 'a']);
});
