import type { IncomingMessage } from 'node:http';
import { retryAfterMs } from '../../net/retry-after.ts';
import type { Refusal } from './policy.ts';
import { targetOf, urlProblem } from './url.ts';

/** An answer to the upgrade that is not 101. */
export function readRefusal(response: IncomingMessage, url: string, nowMs: number): Refusal {
  const { statusCode: status = 0, statusMessage: statusText = '', headers } = response;
  const refusal = {
    status,
    statusText: statusText.slice(0, 100),
    retryAfterMs: retryAfterMs(headers['retry-after'], nowMs),
  };
  if (![301, 302, 303, 307, 308].includes(status) || headers.location === undefined) return refusal;
  const location = resolve(headers.location, url);
  if (location === undefined) return { ...refusal, problem: 'a redirect to what is no WebSocket URL' };
  if (targetOf(url).secure && !targetOf(location).secure) return { ...refusal, problem: 'a redirect from wss to ws' };
  return { ...refusal, location };
}

function resolve(location: string, base: string): string | undefined {
  if (!URL.canParse(location, base)) return undefined;
  const resolved = new URL(location, base);
  const url = resolved.href.replace(/^http/, 'ws').replace(/#.*$/, '');
  return urlProblem(url) === undefined ? url : undefined;
}
