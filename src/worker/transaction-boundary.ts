/** Where the transactions of an exactly-once source end. */
import { parse } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import { transactionOptions } from './framework-config.ts';

export type TransactionBoundary =
  /** Behind each batch. */
  | { readonly kind: 'poll' }
  | { readonly kind: 'interval'; readonly intervalMs: number }
  /** Where the connector's batches say so. */
  | { readonly kind: 'connector' };

const kinds = ['poll', 'interval', 'connector'] as const;

/** `intervalMs` is the worker's interval for offsets, which counts where the connector names none. */
export function transactionBoundaryOf(config: RawConfig, intervalMs: number): TransactionBoundary {
  const values = parse(transactionOptions, config);
  const kind = kinds.find((each) => each === values['transaction.boundary'].toLowerCase()) ?? 'poll';
  if (kind !== 'interval') return { kind };
  return { kind, intervalMs: values['transaction.boundary.interval.ms'] ?? intervalMs };
}
