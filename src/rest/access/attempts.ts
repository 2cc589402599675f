/** How often an address may fail to log in: a bucket of tries that fills again slowly. */
import { isIPv6 } from 'node:net';

/** Tries at once, and how long one takes to come back: ten a minute in the long run. */
const burst = 10;
const refillMs = 6_000;
/** Addresses that are remembered; the ones longest unheard of go first. */
const maxAddresses = 10_000;

interface Bucket {
  /** Tries left, as of `atMs`. */
  left: number;
  atMs: number;
}

export class Attempts {
  readonly #buckets = new Map<string, Bucket>();

  /** 0: it may try. Else the milliseconds until it may. */
  waitMs(address: string, nowMs: number): number {
    const bucket = this.#buckets.get(networkOf(address));
    if (bucket === undefined) return 0;
    const left = filled(bucket, nowMs);
    return left >= 1 ? 0 : Math.ceil((1 - left) * refillMs);
  }

  /** Takes a try; `succeeded` gives it back. */
  begin(address: string, nowMs: number): void {
    const key = networkOf(address);
    const bucket = this.#buckets.get(key);
    const left = bucket === undefined ? burst : filled(bucket, nowMs);
    this.#buckets.delete(key); // put back as the youngest
    this.#buckets.set(key, { left: Math.max(0, left - 1), atMs: nowMs });
    if (this.#buckets.size > maxAddresses) this.#buckets.delete(this.#buckets.keys().next().value!);
  }

  succeeded(address: string): void {
    const bucket = this.#buckets.get(networkOf(address));
    if (bucket !== undefined) bucket.left = Math.min(burst, bucket.left + 1);
  }
}

function filled({ left, atMs }: Bucket, nowMs: number): number {
  return Math.min(burst, left + (nowMs - atMs) / refillMs);
}

/** Of IPv6 the /64 that one customer has: its addresses are too many to be told apart. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('%')[0]!.split('::');
  const parts = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const whole = [...parts, ...Array(Math.max(0, 8 - parts.length - behind.length)).fill('0'), ...behind];
  return whole.slice(0, 4).join(':');
}
