import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { CountedPlaces } from '../../gateway/places.ts';
import { HeldPlaces } from './held-places.ts';

const full = { connections: 100, perIp: 100, perPrincipal: 100 };

test('places of one address, and of one principal, are counted over all processes', () => {
  const shared = new CountedPlaces({ ...full, perIp: 2, perPrincipal: 1 });
  const [a, b] = [new HeldPlaces(shared), new HeldPlaces(shared)];
  deepEqual([a.take('ip', null), b.take('ip', null)], [undefined, undefined]);
  equal(a.take('ip', null)?.status, 429);
  deepEqual([a.claim('p'), b.claim('p')], [true, false]);
  b.leave('ip', null);
  a.leave('ip', 'p');
  equal(b.take('ip', 'p'), undefined);
});

test('what a process held when it died is free again, and nothing of the others', () => {
  const shared = new CountedPlaces({ ...full, connections: 3, perPrincipal: 2 });
  const [a, b] = [new HeldPlaces(shared), new HeldPlaces(shared)];
  deepEqual(
    [a.take('x', 'p'), a.take('y', null), a.claim('p'), b.take('z', null)],
    [undefined, undefined, true, undefined],
  );
  equal(b.take('z', null)?.status, 503);
  a.leaveAll();
  a.leaveAll();
  deepEqual([b.take('x', 'p'), b.take('x', 'p')], [undefined, undefined]);
  equal(b.take('x', null)?.status, 503);
});
