import type { IncomingMessage } from 'node:http';
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

/** True where headers and token of the configuration may be sent to the second URL, too. */
export function sameOrigin(first: string, second: string): boolean {
  const [a, b] = [targetOf(first), targetOf(second)];
  return a.secure === b.secure && a.host.toLowerCase() === b.host.toLowerCase() && a.port === b.port;
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,10}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(date - nowMs, 0);
}

function resolve(location: string, base: string): string | undefined {
  if (!URL.canParse(location, base)) return undefined;
  const resolved = new URL(location, base);
  const url = resolved.href.replace(/^http/, 'ws').replace(/#.*$/, '');
  return urlProblem(url) === undefined ? url : undefined;
}
