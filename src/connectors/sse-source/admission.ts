/** What a request for the stream waits for before it may be sent: a place, a turn, an access token. */
import { type HeaderPair, sameEndpoint } from '../../net/endpoint.ts';
import { type HttpTarget, httpTarget } from '../../net/http-url.ts';
import { type AccessToken, TokenSource } from '../../net/oauth2.ts';
import type { Route } from '../../net/open-request.ts';
import type { ConnectorContext } from '../contract.ts';
import { mayLeave } from './ask.ts';
import { headerOf } from './event-id.ts';
import type { Meters } from './meters.ts';
import { RequestSpacing } from './request-spacing.ts';
import type { Settings } from './settings.ts';
import type { StreamSlots } from './stream-slots.ts';
import type { StreamStatus } from './stream-status.ts';

export interface AdmissionOptions {
  readonly settings: Settings;
  readonly context: ConnectorContext;
  readonly slots: StreamSlots;
  readonly route: Route;
  readonly status: StreamStatus;
  readonly meters: () => Meters;
  /** A token has come that must not be said. */
  readonly onToken: (value: string) => void;
}

/** A request that may be sent now. */
export interface Admitted {
  readonly target: HttpTarget;
  readonly headers: readonly HeaderPair[];
  /** It says behind which event the stream shall go on. */
  readonly resumes: boolean;
  /** Its token has been sent before, and so may have been withdrawn. */
  readonly usedToken: boolean;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #spacing: RequestSpacing;
  readonly #tokens: TokenSource | undefined;
  #leaveSlot: (() => void) | undefined;

  constructor(options: AdmissionOptions) {
    const { settings, context, route } = options;
    this.#options = options;
    this.#spacing = new RequestSpacing(settings.limits.requestsPerSecond, context.clock);
    if (settings.oauth2 !== null) {
      this.#tokens = new TokenSource(settings.oauth2, route, () => context.clock.monotonicMs());
    }
  }

  /** Resolves when it may be sent; undefined where the signal came first. Throws what keeps it from being sent. */
  async next(
    redirect: string | undefined,
    lastEventId: Uint8Array | null,
    signal: AbortSignal,
  ): Promise<Admitted | undefined> {
    const { settings, context } = this.#options;
    const target = redirect === undefined ? settings.target : httpTarget(redirect, 'a redirect to');
    await this.#waitForPlace(new URL(target.url).origin, signal);
    const isOurs = sameEndpoint(settings.target, target);
    const headers: HeaderPair[] = isOurs ? [...settings.headers] : settings.headers.filter(([name]) => mayLeave(name));
    const token = isOurs && !signal.aborted ? await this.#accessToken(signal) : undefined;
    if (token !== undefined) headers.push(['Authorization', `Bearer ${token.value}`]);
    const resumeId = headerOf(lastEventId);
    if (resumeId !== null) headers.push(['Last-Event-ID', resumeId]);
    else if (lastEventId !== null && lastEventId.length > 0) {
      context.log.warn('resume_impossible', { reason: 'the last id holds characters that no header can carry' });
    }
    await this.#spacing.turn(signal);
    if (signal.aborted) return undefined;
    return { target, headers, resumes: resumeId !== null, usedToken: token?.used ?? false };
  }

  /** What was admitted is over: others may have its place. */
  leave(): void {
    this.#leaveSlot?.();
    this.#leaveSlot = undefined;
  }

  forgetToken(): void {
    this.#tokens?.forget();
  }

  async #waitForPlace(origin: string, signal: AbortSignal): Promise<void> {
    const { settings, context, slots, status, meters } = this.#options;
    const { maxConcurrent } = settings.limits;
    const isLate = this.#spacing.waitMs > 0;
    if (isLate) status.set('waiting for its turn under rate.limit.requests.per.second');
    if (maxConcurrent === null) {
      if (isLate) meters().limited.value++;
      return;
    }
    const hasRoom = slots.hasRoom(origin, maxConcurrent);
    if (isLate || !hasRoom) meters().limited.value++;
    if (!hasRoom) {
      status.set(`waiting for its turn: ${maxConcurrent} streams to ${origin} are open`);
      context.log.info('sse_waiting', { reason: 'rate.limit.max.concurrent', open: maxConcurrent });
    }
    this.#leaveSlot = await slots.enter(origin, maxConcurrent, signal);
  }

  async #accessToken(signal: AbortSignal): Promise<AccessToken | undefined> {
    const tokens = this.#tokens;
    if (tokens === undefined) return undefined;
    if (!tokens.isReady) await this.#spacing.turn(signal);
    const token = await tokens.get(signal);
    if (!token.used) {
      this.#options.meters().tokens.value++;
      this.#options.onToken(token.value);
    }
    return token;
  }
}
