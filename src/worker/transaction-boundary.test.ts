import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { transactionBoundaryOf } from './transaction-boundary.ts';

const boundary = 'transaction.boundary';
const interval = 'transaction.boundary.interval.ms';

for (const [config, wanted] of [
  [{}, { kind: 'poll' }],
  [{ [boundary]: 'POLL', [interval]: '5' }, { kind: 'poll' }],
  [{ [boundary]: 'Connector' }, { kind: 'connector' }],
  [{ [boundary]: 'interval' }, { kind: 'interval', intervalMs: 60_000 }],
  [
    { [boundary]: 'INTERVAL', [interval]: '250' },
    { kind: 'interval', intervalMs: 250 },
  ],
] as const) {
  test(`${JSON.stringify(config)} ends transactions by ${JSON.stringify(wanted)}`, () => {
    deepEqual(transactionBoundaryOf(config, 60_000), wanted);
  });
}

for (const [key, value, message] of [
  [boundary, 'never', /Invalid value never for configuration transaction\.boundary: String must be one of/],
  [interval, 'often', /Invalid value often for configuration transaction\.boundary\.interval\.ms/],
  [interval, '-1', /Invalid value -1 for configuration transaction\.boundary\.interval\.ms: Value must be at least 0/],
] as const) {
  test(`${key}=${value} is refused`, () => {
    throws(() => transactionBoundaryOf({ [key]: value }, 60_000), { code: 'CONFIG_INVALID', message });
  });
}
