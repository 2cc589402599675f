/** Requests over HTTP: paths, methods, CORS (PROTOCOL.md, sections 1, 6 and 7). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayFault } from '../wire/gateway/codes.ts';
import { isTopicName } from '../wire/gateway/names.ts';
import type { StreamDefaults } from '../wire/gateway/stream-query.ts';
import type { Doorkeeper } from './admission.ts';
import type { Connections, Place } from './connections.ts';
import type { GatewayParts } from './gateway-parts.ts';
import { type DemoFiles, isDemoPath, serveDemo } from './http/demo.ts';
import { describeTopic, listTopics } from './http/describe.ts';
import type { HttpContext, RequestContext } from './http/http-context.ts';
import { OpenRequest } from './http/open-request.ts';
import { publishOverHttp } from './http/publish.ts';
import { faultOfRequest } from './http/publish-of.ts';
import { readRecords } from './http/read.ts';
import { sendFault } from './http/respond.ts';
import { openStream, streamProtocol } from './http/stream.ts';

export interface RouteOptions {
  readonly parts: () => GatewayParts;
  readonly doorkeeper: Doorkeeper;
  readonly connections: Connections;
  readonly clientAddress: (request: IncomingMessage) => string;
  readonly isDraining: () => boolean;
  /** Whether memory is short, so that nothing more is let in that takes some. */
  readonly isShort: () => boolean;
  /** The example page; undefined where it is not served. */
  readonly demo: DemoFiles | undefined;
}

interface Route {
  readonly methods: readonly string[];
  /** What is in the path. */
  readonly topic?: string;
  /** The place is left by whoever handles it, in the end. */
  readonly handle: (context: HttpContext, place: Place) => Promise<void>;
}

/** What everybody is told who wants to come in while memory is short. */
export const shortOfMemory: GatewayFault = {
  code: 'unavailable',
  message: 'the gateway is short of memory',
  retryAfterMs: 5000,
};

const corsHeaders = {
  'Access-Control-Allow-Methods': 'GET, POST',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
  'Access-Control-Max-Age': '600',
};

/** Never rejects: what goes wrong is an answer. */
export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: RouteOptions,
): Promise<void> {
  const { doorkeeper } = options;
  const parts = options.parts();
  const { metrics } = parts;
  const { origin } = request.headers;
  const refuse = (
    ...[fault, more]: Parameters<typeof sendFault> extends [unknown, ...infer Rest] ? Rest : never
  ): void => {
    sendFault(response, fault, more);
    metrics.rejected(response.statusCode);
  };
  try {
    const [path = '', search = ''] = splitUrl(request.url ?? '/');
    const query = new URLSearchParams(search);
    const page = doorkeeper.refusePage(request);
    if (page !== undefined) return refuse(page);
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
    }
    if (options.demo !== undefined && isDemoPath(path)) {
      serveDemo(request, response, path, options.demo);
      return;
    }
    const route = routeOf(path, parts.settings.v2.enabled);
    if (route === undefined) return refuse({ code: 'not_found', message: 'there is nothing at this path' });
    if (route === 'websocket') {
      return refuse(
        { code: 'bad_request', message: 'this path speaks WebSocket' },
        { status: 426, headers: { Upgrade: 'websocket' } },
      );
    }
    if (request.method === 'OPTIONS' && origin !== undefined) {
      response.writeHead(204, corsHeaders).end();
      return;
    }
    if (!route.methods.includes(request.method ?? '')) {
      const headers = { Allow: route.methods.join(', ') };
      return refuse({ code: 'bad_request', message: 'the method is not one of this path' }, { status: 405, headers });
    }
    if (options.isDraining()) {
      // An EventSource gives up for good at any status but 200; at a connection that breaks it tries again.
      if (request.headers.accept?.includes('text/event-stream')) {
        metrics.rejected(503);
        request.socket.destroy();
        return;
      }
      return refuse({ code: 'shutting_down', message: 'the gateway is going down' });
    }
    const admission = await doorkeeper.admit(request, query, false);
    if (!admission.ok) return refuse(admission.fault, { status: admission.status, headers: admission.headers });
    if (options.isShort()) return refuse(shortOfMemory, { headers: retryHeaders(shortOfMemory.retryAfterMs) });
    const identity = admission.identity!;
    const rights = parts.rights(identity);
    if (route.topic !== undefined && !isTopicName(route.topic)) {
      return refuse({ code: 'bad_request', message: 'that is no name of a topic' });
    }
    const context: HttpContext = { parts, request, response, query, identity, rights, topic: route.topic ?? '' };
    const place = await options.connections.take(options.clientAddress(request), identity.principal);
    if ('fault' in place) {
      return refuse(place.fault, { status: place.status, headers: retryHeaders(place.fault.retryAfterMs) });
    }
    await route.handle(context, place);
  } catch (error) {
    const fault = faultOfRequest(error);
    if (fault.code === 'internal') parts.log.error('request_failed', { reason: (error as Error).message });
    if (fault.code === 'forbidden') metrics.aclDenial(request.method === 'POST' ? 'publish' : 'subscribe');
    // A body that nobody reads any more would hold up the connection's next request.
    if (!request.complete) response.setHeader('Connection', 'close');
    sendFault(response, fault, { headers: retryHeaders(fault.retryAfterMs) });
    if (!request.complete) request.resume();
  }
}

function retryHeaders(retryAfterMs: number | undefined): Readonly<Record<string, string>> {
  return retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) };
}

function routeOf(path: string, isV2: boolean): Route | 'websocket' | undefined {
  if (path === '/v1/ws' || path.startsWith('/v1/ingest/')) return 'websocket';
  if (isV2 && (path === '/v2/broker' || path === '/v2/broker/')) return undefined; // as its model answers
  if (path === '/v1/sse') return streamRoute({ from: 'latest', id: 'pos', envelope: 'record' });
  if (path === '/v1/topics') return { methods: ['GET'], handle: answered(listTopics) };
  const segments = path.split('/').slice(1).map(decode);
  const [first, second, third, fourth] = segments;
  if (first === 'v2' && second === 'stream' && third !== undefined && segments.length === 3) {
    const topics = third.split(',').filter((topic) => topic !== '');
    return streamRoute({ topics, from: 'latest', id: 'stream', envelope: 'none' });
  }
  if (first !== 'v1' || second !== 'topics' || third === undefined || third === '') return undefined;
  if (segments.length === 3) {
    const handle = (context: RequestContext): Promise<void> =>
      context.request.method === 'POST' ? publishOverHttp(context) : describeTopic(context);
    return { methods: ['GET', 'POST'], topic: third, handle: answered(handle) };
  }
  if (segments.length === 4 && fourth === 'records')
    return { methods: ['GET'], topic: third, handle: answered(readRecords) };
  return undefined;
}

/** Keeps its place until the answer has left, or the client has. */
function answered(handle: (context: RequestContext) => Promise<void>): Route['handle'] {
  return async (context, place) => {
    const { parts, request, response, identity } = context;
    const open = new OpenRequest(parts, request, response, identity.principal);
    place.lend(open);
    response.once('close', () => place.leave());
    if (response.closed) return place.leave();
    await handle({ ...context, open });
  };
}

function streamRoute(defaults: StreamDefaults): Route {
  return {
    methods: ['GET'],
    async handle(context, place) {
      const { request, response } = context;
      const protocol = streamProtocol(request.headers.accept);
      try {
        if (protocol === undefined) {
          const message = 'text/event-stream or application/x-ndjson is served';
          sendFault(response, { code: 'unsupported', message }, { status: 406 });
          place.leave();
          return;
        }
        place.fill(await openStream(context, protocol, defaults, (_, code) => place.leave(code)));
      } catch (error) {
        place.leave();
        throw error;
      }
    },
  };
}

/** Path and query, the path as it was sent: only its parts are decoded, where they are names. */
export function splitUrl(url: string): readonly [string, string] {
  const at = url.indexOf('?');
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a stray percent sign is in no legal name
  }
}
