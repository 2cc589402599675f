import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Turn } from './turn.ts';

test('tasks of a turn run in their order at its end; what they add runs in the next', async () => {
  const turns = new Turn();
  const ran: string[] = [];
  turns.add({
    runTurn: () => {
      ran.push('a');
      turns.add({ runTurn: () => ran.push('later') });
    },
  });
  turns.add({ runTurn: () => ran.push('b') });
  deepEqual(ran, []);
  await turn();
  deepEqual(ran, ['a', 'b']);
  await turn();
  deepEqual(ran, ['a', 'b', 'later']);
});
