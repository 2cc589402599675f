import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unrestricted } from '../net/outbound-policy.ts';
import { outboundPolicies } from './outbound.ts';

const loopback = { host: '127.0.0.1', port: 1, tls: undefined, serves: 'all' } as const;
const everywhere = { ...loopback, host: '0.0.0.0' };
const own = { name: 'trades', config: { 'connector.class': 'sse', 'sse.uri': 'http://10.0.0.1/' } };
const stored = { ...own.config, name: 'trades' };
const changed = { ...stored, 'sse.uri': 'http://169.254.169.254/' };

describe('who may reach what', () => {
  for (const [what, policy, listeners, name, config, free] of [
    ['a loopback listener restricts nobody', 'auto', [loopback], 'x', changed, true],
    ['no listener restricts nobody', 'auto', [], 'x', changed, true],
    ['unless that is wanted', 'public', [loopback], 'x', changed, false],
    ['what came over a listener that others reach is restricted', 'auto', [everywhere], 'x', changed, false],
    ['one such listener is enough', 'auto', [loopback, everywhere], 'x', changed, false],
    ["the operator's own file is not", 'auto', [everywhere], 'trades', stored, true],
    ['until somebody changes it over REST', 'auto', [everywhere], 'trades', changed, false],
    ['nor is another connector with the same configuration', 'auto', [everywhere], 'other', stored, false],
  ] as const) {
    test(what, () => {
      equal(outboundPolicies({ policy, allow: [] }, listeners, [own])(name, config) === unrestricted, free);
    });
  }
});
