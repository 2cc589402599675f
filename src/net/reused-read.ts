import type { Socket } from 'node:net';

/** What one read brings at most. Pages that no read has touched cost nothing. */
const bufferBytes = 64 * 1024;

/**
 * Reads a socket into one piece of memory, again and again. Otherwise each read allocates 64 KiB outside the heap, which at
 * full speed makes the collector run for nothing else.
 *
 * The socket is made with `onread` (net.connect and tls.connect know it). Until someone diverts the bytes they go into the
 * socket's stream, copied, so that whoever answers the first request reads them as ever.
 */
export class ReusedRead {
  /** For the options of the connection. */
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (bytes: number, buffer: Uint8Array) => boolean };
  /** Must be told before its first bytes come. */
  socket: Socket | undefined;
  #sink: ((bytes: Uint8Array) => void) | undefined;

  constructor() {
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      const read = buffer.subarray(0, bytes);
      if (this.#sink === undefined) return this.socket?.push(Buffer.from(read)) ?? true;
      this.#sink(read);
      return true;
    };
    this.onread = { buffer: Buffer.allocUnsafeSlow(bufferBytes), callback };
  }

  /**
   * From now on the sink gets what comes; its bytes are good until it returns, or, where it has paused the socket, until
   * that is resumed. Gives what the stream holds already.
   */
  divert(socket: Socket, sink: (bytes: Uint8Array) => void): Buffer {
    this.#sink = sink;
    const chunks: Buffer[] = [];
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}
