/** Reads a request's body up to a bound, inflated where it is gzip. */
import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { FaultError } from '../faults.ts';

/** `held` counts what is in memory while it is read. Throws FaultError: `too_large`, `unsupported`, `bad_request`. */
export async function readBody(request: IncomingMessage, maxBytes: number, held: { bytes: number }): Promise<Buffer> {
  const tooLarge = new FaultError({ code: 'too_large', message: `a body may have ${maxBytes} bytes` });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new FaultError({ code: 'unsupported', message: 'of content encodings only gzip is taken' });
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      held.bytes += part.length;
      if (bytes > maxBytes) throw tooLarge;
      parts.push(part);
    }
  } finally {
    held.bytes -= bytes;
  }
  const body = Buffer.concat(parts);
  if (encoding === 'identity') return body;
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge;
    throw new FaultError({ code: 'bad_request', message: 'the body is not gzip' });
  }
}
