import { doesNotThrow, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedSource } from '../../test/support/scripted-source.ts';
import type { RawConfig } from '../config/raw.ts';
import { checkConnectorConfig } from './validation.ts';

function check(config: RawConfig): void {
  const whole = { name: 'c', 'connector.class': 'scripted', topic: 't', ...config };
  checkConnectorConfig('c', whole, whole, [scriptedSource()]);
}

test('every problem is in the text, counted', () => {
  throws(() => check({ size: 'x', 'tasks.max': '0' }), {
    code: 'CONFIG_INVALID',
    message: /2 error\(s\):\nInvalid value 0 for configuration tasks.max: Value must be at least 1\nInvalid value x/,
  });
});

test('transforms and predicates are refused, not passed over', () => {
  doesNotThrow(() => check({ transforms: '' }));
  for (const key of ['transforms', 'predicates']) {
    throws(() => check({ [key]: 'a' }), { code: 'CONFIG_INVALID', message: new RegExp(`has no ${key}`) });
  }
});
