import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { flawless, Ledger, ledgerMessage } from './ledger.ts';

const message = (connection: number, number: number): string => ledgerMessage(connection, number, 60);
const whole = [message(0, 0), message(0, 1), message(0, 2), message(1, 0), message(1, 1)];
const connections = [
  { sent: 4, confirmed: 3 },
  { sent: 2, confirmed: 2 },
];

function audited(values: readonly (string | null)[]) {
  const ledger = new Ledger();
  for (const value of values) ledger.add(value);
  return ledger.audit(connections);
}

test('what was sent and has come is without a flaw; what was not confirmed may be missing or not', () => {
  deepEqual(audited(whole), flawless(5));
  deepEqual(audited([...whole.slice(0, 3), message(0, 3), ...whole.slice(3)]), flawless(6));
  equal(message(0, 0).length, 60);
});

for (const { what, values, found } of [
  { what: 'a hole', values: whole.toSpliced(1, 1), found: { read: 4, holes: 1 } },
  {
    what: 'a confirmed message that is missing at the end',
    values: whole.toSpliced(4, 1),
    found: { read: 4, lost: 1 },
  },
  { what: 'a double', values: whole.toSpliced(2, 0, message(0, 1)), found: { read: 6, doubled: 1 } },
  {
    what: 'two messages that have changed places',
    values: [message(0, 1), message(0, 0), ...whole.slice(2)],
    found: { read: 5, disordered: 1 },
  },
  {
    what: 'a message of a connection that was over',
    values: [message(0, 0), message(0, 1), message(1, 0), message(0, 2), message(1, 1)],
    found: { read: 5, disordered: 1 },
  },
  {
    what: 'a damaged message',
    values: whole.toSpliced(4, 1, message(1, 1).replace('..', '.,')),
    found: { read: 5, damaged: 1, lost: 1 },
  },
  { what: 'a tombstone', values: [...whole, null], found: { read: 6, damaged: 1 } },
  { what: 'a message that nobody sent', values: [...whole, message(1, 2)], found: { read: 6, unknown: 1 } },
  { what: 'a connection that never was', values: [...whole, message(2, 0)], found: { read: 6, unknown: 1 } },
]) {
  test(`${what} is found`, () => deepEqual(audited(values), { ...flawless(0), ...found }));
}

test('of what comes again the longest stretch is known, each time that somebody takes up at an earlier place', () => {
  const ledger = new Ledger();
  equal(ledger.mostRepeatBytes, 0);
  for (const value of [...whole.slice(0, 3), ...whole.slice(1, 3), ...whole.slice(2, 3), ...whole.slice(3)])
    ledger.add(value);
  deepEqual([ledger.doubled, ledger.mostRepeatBytes], [3, 120]);
  for (const value of whole) ledger.add(value);
  equal(ledger.mostRepeatBytes, 300);
});
