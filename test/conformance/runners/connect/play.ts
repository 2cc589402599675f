/** Plays exchanges in their order against a worker. */
import { setTimeout as sleep } from 'node:timers/promises';
import { difference } from './compare.ts';
import type { Exchange } from './exchange.ts';
import { type Answer, send } from './send.ts';

export interface Played {
  readonly exchange: Exchange;
  readonly answer: Answer | undefined;
  /** Where the answer is not the recorded one. */
  readonly difference: string | undefined;
}

const pollMs = 50;

/**
 * `isExpected` tells an answer that is another one on purpose; `patienceMs`: how long one is waited for that is none of both
 * and may still come to fit.
 */
export async function* play(
  base: string,
  exchanges: readonly Exchange[],
  isExpected: (played: Played) => boolean,
  patienceMs = 10_000,
): AsyncGenerator<Played, void, void> {
  for (const exchange of exchanges) {
    if (exchange.wait_ms !== undefined) await sleep(exchange.wait_ms);
    yield await playOne(base, exchange, isExpected, patienceMs);
  }
}

async function playOne(
  base: string,
  exchange: Exchange,
  isExpected: (played: Played) => boolean,
  patienceMs: number,
): Promise<Played> {
  const startedAtMs = performance.now();
  for (;;) {
    const played = await attempt(base, exchange);
    if (!mayStillFit(played) || isExpected(played)) return played;
    if (performance.now() - startedAtMs > patienceMs) return played;
    await sleep(pollMs);
  }
}

async function attempt(base: string, exchange: Exchange): Promise<Played> {
  try {
    const answer = await send(base, exchange.request);
    return { exchange, answer, difference: difference(exchange, answer) };
  } catch (error) {
    return { exchange, answer: undefined, difference: String(error) };
  }
}

/** Reading may be repeated; any other request only while the worker says that it is about to change its mind. */
function mayStillFit({ exchange, answer, difference }: Played): boolean {
  if (difference === undefined) return false;
  if (exchange.request.method === 'GET') return true;
  const message = (answer?.body as { readonly message?: unknown } | null | undefined)?.message;
  return exchange.response.status !== 409 && answer?.status === 409 && /stale|rebalanc/i.test(String(message));
}
