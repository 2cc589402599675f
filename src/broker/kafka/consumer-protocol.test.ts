import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../../base/errors.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts';

const subscription = {
  topics: ['trades', 'quotes'],
  owned: [
    { topic: 'trades', partition: 0 },
    { topic: 'trades', partition: 7 },
    { topic: 'quotes', partition: 1 },
  ],
  generation: 5,
};

test('a subscription survives the way to another member', () => {
  deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription);
});

test('a subscription has the bytes of ConsumerProtocolSubscription v3', () => {
  const bytes = encodeSubscription({ topics: ['t'], owned: [{ topic: 't', partition: 2 }], generation: 3 });
  const fields = ['0003', '00000001', '000174', '00000004', '00000003', '00000001', '000174', '00000001', '00000002'];
  equal(bytes.toString('hex'), [...fields, '00000003', 'ffff'].join(''));
});

test('older subscriptions are read: version 0 owns nothing, version 1 has its generation in the user data', () => {
  deepEqual(decodeSubscription(Buffer.from('0000 00000001 000174 ffffffff'.replaceAll(' ', ''), 'hex')), {
    topics: ['t'],
    owned: [],
    generation: -1,
  });
  const v1 = '0001 00000001 000174 00000004 00000009 00000001 000174 00000001 00000002';
  deepEqual(decodeSubscription(Buffer.from(v1.replaceAll(' ', ''), 'hex')), {
    topics: ['t'],
    owned: [{ topic: 't', partition: 2 }],
    generation: 9,
  });
});

test('an assignment survives the way back, and none at all is empty', () => {
  deepEqual(decodeAssignment(encodeAssignment(subscription.owned)), subscription.owned);
  deepEqual(decodeAssignment(Buffer.alloc(0)), []);
});

test('what ends early, or claims more than there is, is a typed error', () => {
  const whole = encodeSubscription(subscription);
  for (let length = 0; length < whole.length - 6; length++)
    throws(
      () => decodeSubscription(whole.subarray(0, length)),
      (error) => isError(error, 'PROTOCOL_ERROR'),
      `${length}`,
    );
  const huge = Buffer.from('00037fffffff', 'hex');
  throws(
    () => decodeSubscription(huge),
    (error) => isError(error, 'PROTOCOL_ERROR'),
  );
});
