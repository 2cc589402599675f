/** The process of steady-feed.ts: messages a second are its argument; tells its port, ends with its parent. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';

const perSecond = Number(process.argv[2]);
const tickMs = 5;
const listeners = new Set<Duplex>();

// Frames are written by hand, many at a time: a call of a library for each would take the core that is measured.
const server = createServer().on('upgrade', (request, socket: Duplex) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  listeners.add(socket);
  socket.on('close', () => listeners.delete(socket)).on('error', () => {}); // it was killed: that is the purpose
  // A close frame is answered by the end of the connection; nothing else is expected.
  socket.on('data', (data: Buffer) => {
    if ((data[0]! & 0x0f) === 8) socket.end(Buffer.from([0x88, 0]));
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('disconnect', () => process.exit());

const startedAt = performance.now();
let next = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
  const frames: Buffer[] = [];
  for (; next < due; next++) {
    const text = `{"seq":${String(next).padStart(12)},"pad":"${'x'.repeat(170)}"}`;
    frames.push(Buffer.from([0x81, 126, text.length >> 8, text.length & 0xff]), Buffer.from(text));
  }
  const bytes = Buffer.concat(frames);
  for (const socket of listeners) socket.write(bytes);
}, tickMs);
