/** What requests may look like: JSON bodies, answers in JSON, and which verb a path takes. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { statusError } from '../wire/connect/error-body.ts';
import { Refusal, unreadable } from './refusal.ts';

/** Bodies are JSON or 415. An empty one is null; a content type without a body does not count. */
export function acceptJsonBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') return done(null, null);
    try {
      const body: unknown = JSON.parse(String(text));
      texts.set(request, String(text));
      done(null, body);
    } catch {
      // V8 puts a piece of the text into its message, and that may be a secret.
      done(unreadable('Cannot read the body: it is not valid JSON'));
    }
  });
  server.addHook('onRequest', async ({ headers }) => {
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (!hasBody) delete headers['content-type'];
  });
}

const texts = new WeakMap<FastifyRequest, string>();

/** The body as it came; undefined where there was none. */
export function bodyText(request: FastifyRequest): string | undefined {
  return texts.get(request);
}

/**
 * The body with its numbers as they were written: a configuration holds texts, and `1.0` is another one than `1`, a long
 * whole number another one than the nearest that JavaScript has.
 */
export function bodyOfTexts(request: FastifyRequest): unknown {
  const text = texts.get(request);
  if (text === undefined || typeof request.body !== 'object') return request.body;
  const asWritten = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? value) : value;
  return JSON.parse(text, asWritten);
}

/** For routes whose answers are JSON: a client that takes nothing of the kind gets 406. */
export async function requireJsonAccepted(request: FastifyRequest): Promise<void> {
  const { accept } = request.headers;
  if (accept !== undefined && !/application\/(json|\*)|\*\/\*/i.test(accept)) {
    throw new Refusal(406, statusError(406).message);
  }
}

/** A handler for paths that no route has: 405 where another verb has it, else 404. Call it before routes are declared. */
export function answerUnknownPaths(server: FastifyInstance): void {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  server.addHook('onRoute', ({ url, method }) => {
    const entry = known.get(url) ?? { pattern: pathPattern(url), methods: new Set() };
    for (const verb of [method].flat()) entry.methods.add(verb);
    known.set(url, entry);
  });
  server.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.replace(/[?#].*$/, '');
    const methods = [...known.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((entry) => [...entry.methods]);
    if (methods.length > 0) reply.header('allow', [...new Set(methods)].join(', '));
    const status = methods.length > 0 ? 405 : 404;
    return reply.code(status).send(statusError(status));
  });
}

function pathPattern(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[^\w-]/g, '\\$&')));
  return new RegExp(`^${parts.join('/').replace(/\/$/, '')}/?$`);
}
