/** When something that failed is started again by itself: later with each failure in a row. Pure: whoever asks waits. */

import { isError } from '../base/errors.ts';
import { parseValue } from '../config/parse-value.ts';
import type { RawConfig } from '../config/raw.ts';

export interface RestartPolicy {
  readonly enabled: boolean;
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export interface ScheduledRestart {
  readonly afterMs: number;
  /** Failures in a row, this one included. */
  readonly failures: number;
}

/** What ran for so long was healthy, however short its pauses are. */
const healthyMs = 60_000;
const defaults = { delayMs: 60_000, maxDelayMs: 600_000 };

export class RestartSchedule {
  #failures = 0;

  /** After `error` of something that had run for `ranMs`; undefined: it stays as it is. */
  next({ enabled, delayMs, maxDelayMs }: RestartPolicy, ranMs: number, error: unknown): ScheduledRestart | undefined {
    if (!enabled || isForGood(error)) return undefined;
    if (ranMs > Math.max(maxDelayMs, healthyMs)) this.#failures = 0;
    const afterMs = Math.min(delayMs * 2 ** Math.min(this.#failures, 30), maxDelayMs);
    this.#failures++;
    return { afterMs, failures: this.#failures };
  }

  /** It runs, or somebody has started it by hand. */
  reset(): void {
    this.#failures = 0;
  }
}

/**
 * `errors.restart.*` of a connector whose configuration may be what is wrong: a value that cannot be read counts as its
 * default. `enabled` is the worker's own switch.
 */
export function restartPolicyOf(config: RawConfig, enabled: boolean): RestartPolicy {
  const wanted = parseValue('BOOLEAN', config['errors.restart.enabled'] ?? 'true');
  const delayMs = millis(config['errors.restart.delay.ms'], defaults.delayMs);
  return {
    enabled: enabled && !(wanted.ok && wanted.value === false),
    delayMs,
    maxDelayMs: Math.max(delayMs, millis(config['errors.restart.delay.max.ms'], defaults.maxDelayMs)),
  };
}

/**
 * True where trying again is no use: the other side has refused for good (401, 1008, …), or all attempts that the configuration
 * allows are used up. Started again by itself it would ask for ever, with a login that is locked or banned by then. Whoever
 * mends the reason restarts it, or changes the configuration.
 */
export function isForGood(error: unknown): boolean {
  return isError(error, 'CONNECTION_REFUSED_FOR_GOOD');
}

/** For people: what a status says where nothing is planned. */
export const forGoodText = 'stays failed until it is restarted, or its configuration changes';

/** For people: what a status says while it waits. */
export function restartText({ afterMs, failures }: ScheduledRestart, nowMs: number): string {
  const at = new Date(nowMs + afterMs).toISOString();
  return `starts again by itself at ${at} (${failures} ${failures === 1 ? 'failure' : 'failures'} in a row)`;
}

function millis(text: string | undefined, otherwise: number): number {
  const parsed = parseValue('LONG', text);
  return parsed.ok && typeof parsed.value === 'number' && parsed.value >= 1 ? parsed.value : otherwise;
}
