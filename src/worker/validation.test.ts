import { doesNotThrow, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedSource } from '../../test/support/scripted-source.ts';
import type { RawConfig } from '../config/raw.ts';
import { checkConnectorConfig } from './validation.ts';

function check(config: RawConfig): void {
  const whole = { name: 'c', 'connector.class': 'scripted', topic: 't', ...config };
  checkConnectorConfig('c', whole, whole, { connectors: [scriptedSource()] });
}

test('every problem is in the text, counted', () => {
  throws(() => check({ size: 'x', 'tasks.max': '0' }), {
    code: 'CONFIG_INVALID',
    message: /2 error\(s\):\nInvalid value 0 for configuration tasks.max: Value must be at least 1\nInvalid value x/,
  });
});

test('transforms are checked with the rest', () => {
  doesNotThrow(() => check({ transforms: '' }));
  doesNotThrow(() => check({ transforms: 'a', 'transforms.a.type': 'HoistField$Value', 'transforms.a.field': 'f' }));
  throws(
    () => check({ transforms: 'a', 'transforms.a.type': 'HoistField$Value' }),
    /"transforms.a.field" which has no/,
  );
  throws(() => check({ transforms: 'a,a', 'transforms.a.type': 'Filter' }), /Duplicate alias provided/);
});
