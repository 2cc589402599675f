/** An answer that is NDJSON and may be long: a batch is held while the client is slow, and what comes later is not asked for. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { describeError, isError } from '../../base/errors.ts';
import { sendError } from './send-error.ts';

/**
 * Begins once there is a first batch, or `onReady` was called: what is wrong with the request still has a status of its own then.
 * `stopping` ends the answer, and so does a client that goes away.
 */
export async function sendLines(
  reply: FastifyReply,
  stopping: AbortSignal,
  open: (signal: AbortSignal, onReady: () => void) => AsyncIterable<readonly object[]>,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, stopping]);
  let batches: AsyncIterator<readonly object[]> | undefined;
  try {
    const started = Promise.withResolvers<void>();
    batches = open(signal, started.resolve)[Symbol.asyncIterator]();
    const first = batches.next();
    await Promise.race([first, started.promise]);
    reply.hijack();
    await stream(reply.raw, first, batches);
  } catch (error) {
    if (!reply.raw.headersSent) return sendError(reply, error);
    reply.raw.end(`${JSON.stringify({ error: { code: codeOf(error), message: describeError(error) } })}\n`);
  } finally {
    await batches?.return?.();
  }
  return reply;
}

async function stream(
  response: ServerResponse,
  first: Promise<IteratorResult<readonly object[]>>,
  rest: AsyncIterator<readonly object[]>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  response.flushHeaders();
  for (let turn = await first; !turn.done; turn = await rest.next()) {
    const text = turn.value.map((record) => `${JSON.stringify(record)}\n`).join('');
    if (!response.write(text)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function codeOf(error: unknown): string {
  return isError(error) ? error.code : 'INTERNAL';
}
