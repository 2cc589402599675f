/**
 * The physical floor of a fan-out: a process that does nothing but write one and the same frame of records to many sockets, with
 * Node's plain `socket.write`. No topic, no positions, no credit, no bounds; who is slow is not looked after.
 *
 * `node bare-fan-main.ts PORT`: any WebSocket handshake is accepted. `GET /write?count=&rate=&batch=` writes so many records, so
 * many in a frame, and answers at the end. Records say when they were written, as those of tools/pubclient.c do.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';

const recordBytes = 200;
const sockets = new Set<Duplex>();
const server = createServer((request, response) => {
  const query = new URL(request.url!, 'http://h').searchParams;
  const [count = 0, rate = 0, batch = 0] = ['count', 'rate', 'batch'].map((name) => Number(query.get(name)));
  const startedMs = performance.now();
  let sequence = 0;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) / 1000) * rate) + batch);
    while (sequence + batch <= due) {
      const frame = frameOf(sequence, batch);
      sequence += batch;
      for (const socket of sockets) socket.write(frame);
    }
    if (sequence + batch <= count) return;
    clearInterval(timer);
    response.end();
  }, 1);
});

server.on('upgrade', (request, socket: Duplex) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const protocol = request.headers['sec-websocket-protocol'];
  const echo = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${echo}Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  sockets.add(socket);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
  socket.resume();
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 65_535 });

function frameOf(sequence: number, count: number): Buffer {
  const ts = process.hrtime.bigint(); // the clock of the client, which is the same machine's
  const records = Array.from({ length: count }, (_, at) => {
    const head = `{"ts":${String(ts).padStart(19)},"seq":${String(sequence + at).padStart(12)},"pad":"`;
    return `${head.padEnd(recordBytes - 2, 'x')}"}`;
  });
  const payload = Buffer.from(records.join(''));
  const head = Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (payload.length < 126) throw new RangeError('A frame of records is longer than that');
  if (payload.length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
    return Buffer.concat([head.subarray(0, 4), payload]);
  }
  head.writeUInt32BE(payload.length, 6);
  return Buffer.concat([head, payload]);
}
