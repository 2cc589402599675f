/** What the peer's refusals and silences mean. Pure. */
import type { BackoffPolicy } from '../../base/backoff.ts';
import type { Cause } from '../../net/cause.ts';
import { maxRetryAfterMs } from '../../net/retry-after.ts';

/** When a connection that works is given up for another one. */
export interface Renewal {
  /** 0: never. */
  readonly maxAgeMs: number;
  /** Share of the age that is taken off at random. */
  readonly jitter: number;
  /** Both are read for so long at least. */
  readonly overlapMs: number;
}

export interface Policy {
  readonly reconnect: boolean;
  /** Failed attempts in a row that are allowed; 0 or less: any number. */
  readonly maxAttempts: number;
  readonly backoff: BackoffPolicy;
  /** A connection that lasted this long makes the next failure the first one. */
  readonly stableMs: number;
  /** Least wait after the server said that it is overloaded or restarts. */
  readonly busyMs: number;
  /** Timeouts of 0 are none. */
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** For the server to confirm what it was asked for. 0: nobody can tell. */
  readonly subscriptionTimeoutMs: number;
  /** How long a closing peer may take before the socket is cut. */
  readonly closeTimeoutMs: number;
  readonly maxRedirects: number;
  readonly fatalCloseCodes: ReadonlySet<number>;
  readonly fatalStatuses: ReadonlySet<number>;
  readonly renewal: Renewal;
}

/** What to do once the socket is gone. */
export type Verdict =
  | { readonly kind: 'retry'; readonly cause: Cause; readonly leastWaitMs: number }
  | { readonly kind: 'fail'; readonly reason: string };

export interface Refusal {
  readonly status: number;
  readonly statusText: string;
  readonly retryAfterMs?: number;
  /** Absolute URL of a redirect that may be followed. */
  readonly location?: string;
  /** Why a redirect may not be followed. */
  readonly problem?: string;
}

export function verdictOnClose(code: number, reason: string, policy: Policy): Verdict {
  const text = `server closed the connection with code ${code}${reason === '' ? '' : `: ${reason}`}`;
  if (policy.fatalCloseCodes.has(code)) return { kind: 'fail', reason: text };
  const leastWaitMs = code === 1012 || code === 1013 ? policy.busyMs : 0;
  return { kind: 'retry', cause: { label: `closed_${closeLabel(code)}`, text }, leastWaitMs };
}

export function verdictOnRefusal(refusal: Refusal, policy: Policy): Verdict {
  const { status, statusText, retryAfterMs, problem } = refusal;
  const detail = problem === undefined ? '' : ` (${problem})`;
  const text = `server answered the upgrade with ${`${status} ${statusText}`.trim()}${detail}`;
  if (policy.fatalStatuses.has(status)) return { kind: 'fail', reason: text };
  const busy = status === 429 || status === 503;
  const leastWaitMs = busy ? Math.min(retryAfterMs ?? policy.busyMs, maxRetryAfterMs) : 0;
  return { kind: 'retry', cause: { label: `http_${status}`, text }, leastWaitMs };
}

/** Codes of the standard by their number; those of applications, which are 2000, by their range. */
function closeLabel(code: number): string {
  if (code < 3000) return String(code);
  return code < 4000 ? '3xxx' : '4xxx';
}
