import { systemClock } from '../../src/base/clock.ts';
import type { ConverterContext } from '../../src/convert/converter.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';

/** For converters in tests: they may connect everywhere. */
export const anywhere = { clock: systemClock, outbound: unrestricted };

/** For converters that need no registry. */
export const withoutRegistry: ConverterContext = {
  part: 'value',
  clock: systemClock,
  registry() {
    throw new Error('this test has no registry');
  },
};
