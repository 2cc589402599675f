/** Reads a request's body up to a bound, inflated where it is gzip. */
import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { FaultError } from '../faults.ts';

/** Inflated at a time. */
const inflatedBytes = 65_536;

/**
 * `held` counts what is in memory, for as long as the caller keeps the body. Throws FaultError: `too_large`, `unsupported`,
 * `bad_request`.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  held: { heldBytes: number },
): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new FaultError({ code: 'unsupported', message: 'of content encodings only gzip is taken' });
  }
  const body = await gather(request, maxBytes, held);
  if (encoding === 'identity') return body;
  // In the thread pool, a piece at a time: eight megabytes in one go would hold up every other client.
  const gunzip = createGunzip({ chunkSize: inflatedBytes });
  gunzip.end(body);
  try {
    return await gather(gunzip, maxBytes, held);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError({ code: 'bad_request', message: 'the body is not gzip' });
  } finally {
    held.heldBytes -= body.length;
  }
}

async function gather(source: AsyncIterable<Buffer>, maxBytes: number, held: { heldBytes: number }): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of source) {
    bytes += part.length;
    held.heldBytes += part.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function tooLarge(maxBytes: number): FaultError {
  return new FaultError({ code: 'too_large', message: `a body may have ${maxBytes} bytes` });
}
