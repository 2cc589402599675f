/**
 * A broker that discards: it speaks enough of Kafka's protocol for our client and a worker that runs sources, keeps small
 * topics in memory and only counts the topics it is told to discard, so that a benchmark sees our side alone. What it
 * counts, order and losses included, is told to whoever asks (`counts`).
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ByteReader } from '../../src/broker/kafka/byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { type StandInCounts, Topics } from './log.ts';
import { apis, type Node } from './requests.ts';

export interface StandIn extends AsyncDisposable {
  readonly port: number;
  readonly counts: StandInCounts;
}

export async function startStandIn(discard: readonly string[]): Promise<StandIn> {
  const topics = new Topics(discard);
  const sockets = new Set<Socket>();
  let node: Node | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {}); // the client ended as it liked
    socket.setNoDelay(true);
    serve(socket, node!);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  node = { topics, host: '127.0.0.1', port, nextProducerId: 1 };
  return {
    port,
    counts: topics.counts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Frames are put together in one piece of memory, which is used again for the next. */
function serve(socket: Socket, node: Node): void {
  let memory = Buffer.allocUnsafeSlow(64 * 1024);
  let length = 0;
  /** Answers go out in the order of their requests. */
  let last: Promise<void> = Promise.resolve();
  let isWaiting = 0;
  socket.on('data', (chunk: Buffer) => {
    if (length + chunk.length > memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length + chunk.length, memory.length * 2));
      memory.copy(grown, 0, 0, length);
      memory = grown;
    }
    memory.set(chunk, length);
    length += chunk.length;
    let at = 0;
    while (length - at >= 4 && length - at >= 4 + memory.readInt32BE(at)) {
      const end = at + 4 + memory.readInt32BE(at);
      const answered = answer(memory.subarray(at + 4, end), node);
      if (answered instanceof Promise || isWaiting > 0) {
        isWaiting++;
        last = Promise.all([last, answered]).then(([, bytes]) => {
          isWaiting--;
          socket.write(bytes);
        });
      } else socket.write(answered);
      at = end;
    }
    memory.copyWithin(0, at, length);
    length -= at;
  });
}

function answer(frame: Buffer, node: Node): Buffer | Promise<Buffer> {
  const key = frame.readInt16BE(0);
  const version = frame.readInt16BE(2);
  const correlation = frame.readInt32BE(4);
  const api = apis.get(key);
  if (api === undefined || version < api.min || version > api.max)
    throw new Error(`The stand-in has no answer to request ${key} in version ${version}`);
  const clientBytes = Math.max(frame.readInt16BE(8), 0);
  const request = new ByteReader(frame.subarray(10 + clientBytes), `request ${key}`);
  request.taggedFields();
  const writer = new ByteWriter().int32(0).int32(correlation);
  if (key !== 18) writer.end(); // ApiVersions answers with the oldest header, so that any client can read it
  const framed = (): Buffer => {
    const { bytes } = writer;
    bytes.writeInt32BE(bytes.length - 4, 0);
    return bytes;
  };
  const handled = api.handle(request, writer, node);
  return handled instanceof Promise ? handled.then(framed) : framed();
}
