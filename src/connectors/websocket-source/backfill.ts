/** Asks for messages that are missing, by HTTP: does what `repair.ts` says, and hands over what has come. */
import { sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { after } from '../../base/clock.ts';
import { describeError, isError } from '../../base/errors.ts';
import { type HttpAnswer, httpRequest } from '../../net/http-request.ts';
import { httpTarget } from '../../net/http-url.ts';
import { maxRetryAfterMs, retryAfterMs } from '../../net/retry-after.ts';
import { TlsTrust } from '../../net/tls-trust.ts';
import type { ConnectorContext } from '../contract.ts';
import { messagesOf } from './backfill-answer.ts';
import { backfillUrl } from './backfill-url.ts';
import type { Meters } from './meters.ts';
import { channelOf, numberOf } from './numbering.ts';
import { beginRepair, nextRepair, type Range, type RepairEvent, type RepairFailure } from './repair.ts';
import type { Gap } from './sequence.ts';
import type { Settings } from './settings.ts';

export interface MissingMessage {
  readonly number: number;
  readonly payload: Uint8Array;
}

export interface Backfilled {
  /** In order, each number once, all of the hole. */
  readonly messages: readonly MissingMessage[];
  /** Why others are missing, if any are. */
  readonly reason: string;
}

interface Found {
  readonly messages: Map<number, Uint8Array>;
  /** What a server that has nothing more has said of it. */
  said: string;
}

export interface BackfillOptions {
  /** As the configuration has them now, which may change while the task runs. */
  readonly settings: () => Settings;
  readonly context: Pick<ConnectorContext, 'clock' | 'random' | 'log' | 'outbound'>;
  readonly meters: () => Meters['backfill'];
  /** Takes secrets out. */
  readonly mask: (text: string) => string;
}

const retryBackoff = { baseMs: 500, maxMs: 10_000, jitter: 0.25 };
/** After holes that were not filled because the server could not be asked, others are not asked about for a while. */
const pauseBackoff = { baseMs: 1_000, maxMs: 60_000, jitter: 0 };
/** Bytes of an answer beside the messages: names, blanks, what else the server says. */
const spareBytes = 1024 * 1024;

export class Backfill {
  readonly #options: BackfillOptions;
  #tls: { readonly from: Settings['tls']; readonly trust: TlsTrust } | undefined;
  #failuresInRow = 0;
  #pausedUntilMs = 0;

  constructor(options: BackfillOptions) {
    this.#options = options;
  }

  /** What the server has of a hole. It never throws: what cannot be got is missing, with the reason. The signal ends it early. */
  async fill(gap: Gap, signal: AbortSignal): Promise<Backfilled> {
    const { context, meters, settings, mask } = this.#options;
    const { clock } = context;
    meters().holes.value++;
    if (clock.monotonicMs() < this.#pausedUntilMs) {
      meters().failures.paused.value++;
      return { messages: [], reason: 'not asked for, as the server could not be asked a moment ago' };
    }
    const found: Found = { messages: new Map(), said: 'not in the answer' };
    const failure = await this.#ask(gap, found, signal);
    if (!signal.aborted) this.#learn(failure);
    const messages = [...found.messages]
      .map(([number, payload]) => ({ number, payload }))
      .sort((a, b) => a.number - b.number);
    if (failure !== undefined && !signal.aborted) {
      const fields = { channel: gap.channel.slice(0, 64), from: gap.from, to: gap.to, filled: messages.length };
      context.log.warn('backfill_failed', { ...fields, reason: mask(failure.text) });
    }
    const { maxMessages } = settings().backfill!;
    const rest = gap.missing > maxMessages ? `more than ${maxMessages} are not asked for` : found.said;
    return { messages, reason: failure === undefined ? rest : mask(failure.text) };
  }

  async #ask(gap: Gap, found: Found, stop: AbortSignal): Promise<RepairFailure | undefined> {
    const { settings, context, meters } = this.#options;
    const { clock, random } = context;
    const { backfill, messages } = settings();
    const { attempts, holdMaxMs, maxMessages } = backfill!;
    const { step } = messages.numbering.sequence!;
    const untilMs = clock.monotonicMs() + holdMaxMs;
    const late = new AbortController();
    const callOff = after(clock, holdMaxMs, () => late.abort());
    const signal = AbortSignal.any([stop, late.signal]);
    try {
      let state = beginRepair(gap, maxMessages, step);
      while (state.kind !== 'over') {
        let event: RepairEvent;
        if (state.kind === 'waiting') {
          await sleep(state.untilMs - clock.monotonicMs(), signal);
          event = { kind: 'tick' };
        } else event = await this.#question(gap, state.range, found, signal);
        if (event.kind === 'failed' && !signal.aborted) meters().failures[event.failure.label].value++;
        if (signal.aborted) {
          const text = stop.aborted ? 'the task ends' : `not got within ${holdMaxMs} ms`;
          if (!stop.aborted) meters().failures.held_too_long.value++;
          event = { kind: 'expired', failure: { label: 'held_too_long', text, leastPauseMs: 0 } };
        }
        state = nextRepair(
          state,
          event,
          { nowMs: clock.monotonicMs(), random },
          { step, attempts, backoff: retryBackoff, untilMs },
        );
      }
      return state.failure;
    } finally {
      callOff();
    }
  }

  async #question(gap: Gap, range: Range, found: Found, signal: AbortSignal): Promise<RepairEvent> {
    const { settings, context, meters } = this.#options;
    const { backfill, tls, proxy, queue } = settings();
    const { template, headers, timeoutMs } = backfill!;
    meters().requests.value++;
    let answer: HttpAnswer;
    try {
      const target = httpTarget(backfillUrl(template, { channel: gap.channel, ...range }), 'websocket.backfill.url');
      const own = headers.some(([name]) => name.toLowerCase() === 'authorization') ? null : target.basicAuth;
      answer = await httpRequest({
        target,
        headers: [
          ['Accept', 'application/json, application/x-ndjson'],
          ['Accept-Encoding', 'identity'],
        ],
        private: own === null ? headers : [...headers, ['Authorization', own]],
        route: { proxy, tls: this.#trust(tls), outbound: context.outbound },
        timeoutMs,
        maxBytes: queue.maxBytes + spareBytes,
        signal,
      });
    } catch (error) {
      return failedBy(error);
    }
    const { status, statusText } = answer;
    if (status === 404 || status === 410 || status === 204) {
      found.said = `the server answered with ${`${status} ${statusText}`.trim()}`;
      return { kind: 'nothing' };
    }
    if (status !== 200) return this.#refused(answer);
    return this.#take(answer, gap, range, found.messages);
  }

  #refused({ status, statusText, headers }: HttpAnswer): RepairEvent {
    const text = `the server answered with ${`${status} ${statusText}`.trim()}`;
    const isUnauthorized = status === 401 || status === 403;
    const isRetriable = status === 408 || status === 429 || status >= 500;
    const label = isUnauthorized ? 'unauthorized' : 'rejected';
    // Any other status may be about the numbers of this hole.
    if (!isUnauthorized && !isRetriable) return failed(label, text, { isLasting: false });
    const asked = retryAfterMs(headers['retry-after'], this.#options.context.clock.nowMs()) ?? 0;
    return failed(label, text, { isRetriable, leastPauseMs: Math.min(asked, maxRetryAfterMs) });
  }

  /** What is of the range, and was not there yet. Everything else is counted, and gets in nowhere. */
  #take(answer: HttpAnswer, gap: Gap, { from, to }: Range, found: Map<number, Uint8Array>): RepairEvent {
    const { settings, meters } = this.#options;
    const { backfill, messages, queue } = settings();
    const sequence = messages.numbering.sequence!;
    const read = messagesOf(answer, backfill!.pointer);
    if (read.kind === 'unusable') return failed('unusable', `the answer cannot be used: ${read.problem}`);
    let bytes = 0;
    for (const payload of found.values()) bytes += payload.length;
    let [first, last] = [Number.POSITIVE_INFINITY, -1];
    for (const payload of read.messages) {
      const number = numberOf(payload, sequence);
      const channel = channelOf(payload, sequence);
      const isAsked = number >= from && number <= to && (number - gap.from) % sequence.step === 0;
      if (!isAsked || (channel !== null && channel !== gap.channel) || payload.length > messages.maxBytes) {
        meters().outside.value++;
        continue;
      }
      if (found.has(number)) continue;
      bytes += payload.length;
      if (bytes > queue.maxBytes)
        return failed('too_large', `more than ${queue.maxBytes} bytes are not kept`, { isLasting: false });
      // Its own bytes: a view would keep the whole answer.
      found.set(number, Buffer.from(payload));
      first = Math.min(first, number);
      last = Math.max(last, number);
    }
    return last < 0 ? { kind: 'nothing' } : { kind: 'answered', first, last };
  }

  #learn(failure: RepairFailure | undefined): void {
    if (failure?.leastPauseMs === undefined) {
      this.#failuresInRow = 0;
      return;
    }
    this.#failuresInRow++;
    const { clock, random } = this.#options.context;
    const pauseMs = Math.max(backoffMs(this.#failuresInRow, pauseBackoff, random), failure.leastPauseMs);
    this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
  }

  /** The name in a certificate is that of this host, whatever the feed's is. */
  #trust(from: Settings['tls']): TlsTrust {
    if (this.#tls?.from !== from) this.#tls = { from, trust: new TlsTrust({ ...from, servername: null }) };
    return this.#tls.trust;
  }
}

interface FailureKind {
  readonly isRetriable?: boolean;
  /** Of other holes the same would be said. Default: true. */
  readonly isLasting?: boolean;
  readonly leastPauseMs?: number;
}

function failed(label: RepairFailure['label'], text: string, kind: FailureKind = {}): RepairEvent {
  const { isRetriable = false, isLasting = true, leastPauseMs = 0 } = kind;
  return { kind: 'failed', failure: { label, text, ...(isLasting ? { leastPauseMs } : {}) }, isRetriable };
}

function failedBy(error: unknown): RepairEvent {
  const text = describeError(error);
  if (isError(error, 'TIMEOUT')) return failed('timeout', text, { isRetriable: true });
  if (isError(error, 'OUTBOUND_FORBIDDEN')) return failed('forbidden', text);
  if (isError(error, 'PROTOCOL_ERROR') || isError(error, 'CONFIG_INVALID')) return failed('unusable', text);
  return failed('unreachable', text, { isRetriable: true });
}
