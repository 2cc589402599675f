/**
 * Requests that change connectors, or the level of a logger on all workers, are answered by one worker of a group, whichever is asked: it alone sees what others
 * change at the same time. The others pass them on as they came, the caller's credentials included, and answer when their
 * own tables show the change.
 *
 * A request is passed on once: a worker that gets one with our header and does not lead (any more) refuses it, and the
 * worker that was asked looks for the leader again.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { abortable, sleep, withTimeout } from '../base/abort.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter, Metrics } from '../telemetry/metrics.ts';
import { tablesBehind } from '../worker/tables-behind.ts';
import { isReading } from './access/audit.ts';
import { Refusal } from './refusal.ts';
import { bodyText } from './request-format.ts';
import { connectorLocation } from './rest-context.ts';
import type { Leader, RestWorker } from './rest-worker.ts';

/** Sends a request to another worker. CONNECTION_FAILED where it was not reached, retriable but where TLS refuses it; TIMEOUT. */
export type SendToPeer = (request: PeerRequest) => Promise<PeerAnswer>;

export interface PeerRequest {
  readonly method: string;
  /** With path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Without a byte of an answer. Default: as long as Kafka Connect's REST interface waits. */
  readonly timeoutMs?: number;
}

export interface PeerAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly location: string | undefined;
  readonly isRefusedByFollower: boolean;
  readonly body: Buffer;
}

export interface Forwarding {
  readonly send: SendToPeer;
  /** Who passes it on, for the header. */
  readonly workerId: string;
}

export const forwardedHeader = 'x-tributary-forwarded-by';
export const followerHeader = 'x-tributary-not-leader';
/** For a leader that is gone to be replaced, and found. */
const patienceMs = 15_000;
const lookAgainMs = 100;
/** For this worker's tables to show what the leader has changed. */
const showingMs = 5_000;
/** What is passed on; all else of a request was this worker's to look at. */
const passedOn = ['authorization', 'content-type', 'accept'] as const;

/** Call it before the routes are declared. */
export function forwardChanges(
  server: FastifyInstance,
  worker: RestWorker,
  { send, workerId }: Forwarding,
  log: Log,
  metrics: Metrics,
): void {
  const behind = tablesBehind(metrics);
  server.addHook('preHandler', async (request, reply) => {
    if (isReading(request.method) || !(isOfConnectors(request) || isOfAllLoggers(request))) return undefined;
    const leader = worker.leader();
    if (leader.kind === 'self') return undefined;
    if (request.headers[forwardedHeader] !== undefined) {
      reply.header(followerHeader, 'true');
      throw noLeader(leader);
    }
    const gone = new AbortController();
    request.raw.once('aborted', () => gone.abort());
    const answer = await leadersAnswer(worker, request, gone.signal, (base) =>
      send({
        method: request.method,
        url: new URL(request.url, base).href,
        headers: { ...kept(request), [forwardedHeader]: workerId },
        body: bodyText(request),
      }),
    );
    if (answer === undefined) return undefined; // this worker leads by now
    if (answer.status < 400) await showing(worker, log, behind, request);
    return passBack(request, reply, answer);
  });
}

async function leadersAnswer(
  worker: RestWorker,
  request: FastifyRequest,
  signal: AbortSignal,
  send: (base: string) => Promise<PeerAnswer>,
): Promise<PeerAnswer | undefined> {
  const deadlineMs = performance.now() + patienceMs;
  /** Of a worker that leads and cannot begin to: its reason is worth more than none. */
  let refused: PeerAnswer | undefined;
  for (;;) {
    const leader = worker.leader();
    if (leader.kind === 'self') return undefined;
    if (leader.kind === 'elsewhere') throw onLoopback(leader);
    if (leader.kind === 'other') {
      const answer = await abortable(send(leader.url), signal, 'A request to another worker').catch(
        (error: unknown) => {
          // What was not sent can be sent again; what became of anything else nobody knows.
          if (!isError(error, 'CONNECTION_FAILED') || !error.retriable) throw error;
          if (isRefused(error) || isIdempotent(request.method)) return undefined;
          throw error;
        },
      );
      if (answer !== undefined && !answer.isRefusedByFollower) return answer;
      refused = answer?.status === 503 ? answer : undefined;
    }
    if (performance.now() > deadlineMs || signal.aborted) {
      if (refused !== undefined) return refused;
      throw noLeader(leader);
    }
    await sleep(lookAgainMs, signal);
  }
}

/**
 * The client that goes on to ask this worker finds what it has changed. A table that lags does not hold up the answer for
 * longer, and does not make it an error: the change is done.
 */
async function showing(worker: RestWorker, log: Log, behind: Counter, { method, url }: FastifyRequest): Promise<void> {
  await withTimeout(worker.caughtUp(), showingMs, 'Reading the tables').catch((error: unknown) => {
    behind.value++;
    log.warn('tables_behind', { request: `${method} ${url.split('?', 1)[0]}`, reason: describeError(error) });
  });
}

function passBack(request: FastifyRequest, reply: FastifyReply, answer: PeerAnswer): FastifyReply {
  const { status, contentType, location, body } = answer;
  reply.code(status);
  if (contentType !== undefined) reply.header('content-type', contentType);
  const name = location === undefined ? undefined : /\/connectors\/([^/]+)$/.exec(location)?.[1];
  // By the address that the client knows.
  if (name !== undefined) reply.header('location', connectorLocation(request, decodeURIComponent(name)));
  return reply.send(body.length === 0 ? undefined : body);
}

function kept({ headers }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(passedOn.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

function isOfConnectors({ routeOptions }: FastifyRequest): boolean {
  return /^\/connectors(\/|$)/.test(routeOptions.url ?? '');
}

/** A level that all workers are to have is a change like one of a connector; this worker's own is not. */
function isOfAllLoggers({ routeOptions, query }: FastifyRequest): boolean {
  if (routeOptions.url !== '/admin/loggers/:logger') return false;
  const [scope = ''] = [(query as { readonly scope?: string | string[] }).scope ?? ''].flat();
  return scope.toLowerCase() === 'cluster';
}

function isIdempotent(method: string): boolean {
  return method === 'PUT';
}

function isRefused(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && (at.code === 'ECONNREFUSED' || at.code === 'EHOSTUNREACH' || at.code === 'ENOTFOUND'))
      return true;
  }
  return false;
}

function onLoopback({ url, host }: { readonly url: string; readonly host: string }): Refusal {
  return new Refusal(
    409,
    `Cannot pass the request on: the worker that answers changes is on "${host}" and can be reached there alone (${url}). Let workers listen on an address that others reach, or set "rest.advertised.host.name"`,
  );
}

/** Without a reason in Kafka Connect's words, which its clients take for one to try again. */
function noLeader(leader: Leader): Refusal {
  if (leader.kind === 'unknown' && leader.reason !== undefined) {
    return new Refusal(503, `Cannot change connectors yet, ask again: who leads cannot begin to: ${leader.reason}`);
  }
  return new Refusal(
    409,
    'Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.',
  );
}
