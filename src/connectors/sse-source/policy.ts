/** What the server's answers mean. Pure. */
import type { BackoffPolicy } from '../../base/backoff.ts';
import type { Cause } from '../../net/cause.ts';
import { maxRetryAfterMs } from '../../net/retry-after.ts';

export interface Policy {
  /** Failed attempts in a row that are allowed; 0 or less: any number. */
  readonly maxAttempts: number;
  readonly backoff: BackoffPolicy;
  /** A stream that lasted this long makes the next failure the first one. */
  readonly stableMs: number;
  /** Timeouts of 0 are none. */
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxRedirects: number;
  readonly fatalStatuses: ReadonlySet<number>;
}

/** The head of an answer. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  /** Without parameters, in small letters. */
  readonly contentType: string;
  /** Why a body with this content encoding cannot be read. */
  readonly encodingProblem?: string;
  readonly retryAfterMs?: number;
  /** Absolute URL of a redirect that may be followed. */
  readonly location?: string;
  /** Why a redirect may not be followed. */
  readonly redirectProblem?: string;
  /** The request asked to go on behind an event. */
  readonly resumed: boolean;
  /** The request carried a token that had been used before: a new one may be welcome. */
  readonly usedToken: boolean;
}

export type Verdict =
  | { readonly kind: 'open' }
  /** 204: the server wants no more requests. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'redirect'; readonly url: string }
  | { readonly kind: 'fail'; readonly reason: string }
  | {
      readonly kind: 'retry';
      readonly cause: Cause;
      readonly leastWaitMs: number;
      /** What is to be forgotten before the next attempt. */
      readonly forget: 'nothing' | 'last-event-id' | 'token';
    };

/** Wait that a server which is overloaded gets at least, where it names none. */
const busyMs = 5000;
/**
 * What servers say to a Last-Event-ID that they cannot serve: unknown, expired, out of range, too long. Asking with it again
 * would be refused for ever.
 */
const resumeRefusals = new Set([400, 410, 412, 416, 431]);

export function verdictOn(answer: Answer, redirects: number, policy: Policy): Verdict {
  const { status, statusText, contentType, location, resumed, usedToken } = answer;
  const said = `server answered with ${`${status} ${statusText}`.trim()}`;
  const retry = (label: string, text: string, leastWaitMs = 0): Verdict => {
    return { kind: 'retry', cause: { label, text }, leastWaitMs, forget: 'nothing' };
  };
  if (status === 200) {
    if (contentType !== 'text/event-stream') {
      return retry('content_type', `server sends "${contentType.slice(0, 100)}", not text/event-stream`);
    }
    if (answer.encodingProblem !== undefined) return retry('content_encoding', answer.encodingProblem);
    return { kind: 'open' };
  }
  if (status === 204) return { kind: 'finished' };
  if (location !== undefined) {
    if (redirects < policy.maxRedirects) return { kind: 'redirect', url: location };
    return retry(`http_${status}`, `${said} (more than ${policy.maxRedirects} redirects)`);
  }
  if (status === 401 && usedToken) {
    return { kind: 'retry', cause: { label: 'token_refused', text: said }, leastWaitMs: 0, forget: 'token' };
  }
  if (policy.fatalStatuses.has(status)) return { kind: 'fail', reason: said };
  if (resumed && resumeRefusals.has(status)) {
    const text = `${said} to a Last-Event-ID`;
    return { kind: 'retry', cause: { label: 'resume_refused', text }, leastWaitMs: 0, forget: 'last-event-id' };
  }
  const detail = answer.redirectProblem === undefined ? '' : ` (${answer.redirectProblem})`;
  const isBusy = status === 429 || status === 503;
  const leastWaitMs = isBusy ? Math.min(answer.retryAfterMs ?? busyMs, maxRetryAfterMs) : 0;
  return retry(`http_${status}`, `${said}${detail}`, leastWaitMs);
}
