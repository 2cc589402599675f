/**
 * The process of sized-feed.ts: a WebSocket server whose messages have any size from ten bytes on, to any number of clients.
 * A message begins with its number, ten digits; the clients' numbers follow on each other, so that all of them together are
 * 0 to clients x messages - 1. It sends as fast as the sockets take it once all clients are there. Blocks are made once;
 * only their numbers are written anew. Arguments: clients, messages to each, bytes of a message.
 */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';

const [clients, count, size] = process.argv.slice(2).map(Number) as [number, number, number];
const digits = 10;
const header = size < 126 ? 2 : size < 65_536 ? 4 : 10;
const frame = header + size;
const perBlock = Math.max(1, Math.floor(65_536 / frame));
const sockets: Socket[] = [];

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {}); // the reader has gone: the run is over
  socket.once('data', (request) => {
    const key = /sec-websocket-key: (\S+)/i.exec(request.toString('latin1'))?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.resume();
    sockets.push(socket);
    if (sockets.length === clients) for (const [index, each] of sockets.entries()) sendAll(each, index * count);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('disconnect', () => process.exit());

function sendAll(socket: Socket, from: number): void {
  const free = [makeBlock(), makeBlock()];
  let next = 0;
  const send = (): void => {
    for (let block = free.pop(); block !== undefined && next < count; block = free.pop()) {
      const taken = block;
      const messages = Math.min(perBlock, count - next);
      for (let n = 0; n < messages; n++) writeNumber(taken, n * frame + header, from + next + n);
      next += messages;
      socket.write(taken.subarray(0, messages * frame), () => {
        free.push(taken);
        send();
      });
    }
  };
  send();
}

function makeBlock(): Buffer {
  const one = Buffer.alloc(frame, 'x');
  one[0] = 0x81;
  if (header === 2) one[1] = size;
  else if (header === 4) {
    one[1] = 126;
    one.writeUInt16BE(size, 2);
  } else {
    one[1] = 127;
    one.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat(new Array<Buffer>(perBlock).fill(one));
}

function writeNumber(bytes: Buffer, at: number, value: number): void {
  let left = value;
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = 48 + (left % 10);
    left = Math.floor(left / 10);
  }
}
