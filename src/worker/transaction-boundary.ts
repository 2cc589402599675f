/** Where the transactions of an exactly-once source end. */
import { define, parse } from '../config/config-def.ts';
import { long, oneOf, string } from '../config/option.ts';
import type { RawConfig } from '../config/raw.ts';

export type TransactionBoundary =
  /** Behind each batch. */
  | { readonly kind: 'poll' }
  | { readonly kind: 'interval'; readonly intervalMs: number }
  /** Where the connector's batches say so. */
  | { readonly kind: 'connector' };

const kinds = ['poll', 'interval', 'connector'] as const;
const boundaryConfig = define({
  'transaction.boundary': string({
    default: 'poll',
    validate: oneOf(kinds, { ignoreCase: true }),
    doc: 'What ends a transaction',
  }),
  'transaction.boundary.interval.ms': long({ default: null, doc: 'Milliseconds, for interval' }),
});

/** `intervalMs` is the worker's interval for offsets, which counts where the connector names none. */
export function transactionBoundaryOf(config: RawConfig, intervalMs: number): TransactionBoundary {
  const values = parse(boundaryConfig, config);
  const kind = kinds.find((each) => each === values['transaction.boundary'].toLowerCase()) ?? 'poll';
  if (kind !== 'interval') return { kind };
  return { kind, intervalMs: values['transaction.boundary.interval.ms'] ?? intervalMs };
}
