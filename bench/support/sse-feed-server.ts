/**
 * A server of event streams in a process of its own, as fast as the socket takes them. Blocks of events are made once; only
 * their numbers are written anew, so that the feed costs little. Arguments: port, events, bytes of an event.
 */
import { createServer } from 'node:net';

const [port, count, size] = process.argv.slice(2).map(Number) as [number, number, number];
const digits = 10;
const perBlock = Math.max(1, Math.floor(65_536 / size));
const buffers = 8;

const number = '0'.repeat(digits);
const head = `event: trade\nid: ${number}\ndata: {"seq":${number},"pad":"`;
const tail = '"}\n\n';
const padding = 'x'.repeat(Math.max(0, size - head.length - tail.length));
const event = Buffer.from(head + padding + tail);
const idAt = head.indexOf(number);
const seqAt = head.indexOf(number, idAt + digits);

interface Block {
  readonly bytes: Buffer;
  readonly bodyAt: number;
}

function makeBlock(): Block {
  const body = Buffer.concat(new Array<Buffer>(perBlock).fill(event));
  const chunkHead = Buffer.from(`${body.length.toString(16)}\r\n`);
  return { bytes: Buffer.concat([chunkHead, body, Buffer.from('\r\n')]), bodyAt: chunkHead.length };
}

/** A JSON number may not begin with zeros: blanks stand before it, in the id as well. */
function writeNumber(bytes: Buffer, at: number, value: number): void {
  let left = value;
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = left === 0 && place < at + digits - 1 ? 32 : 48 + (left % 10);
    left = Math.floor(left / 10);
  }
}

const server = createServer((socket) => {
  socket.once('data', () => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    const free = Array.from({ length: buffers }, makeBlock);
    let next = 0;
    const send = (): void => {
      while (free.length > 0 && next < count) {
        const block = free.pop()!;
        const events = Math.min(perBlock, count - next);
        for (let n = 0; n < events; n++, next++) {
          const at = block.bodyAt + n * event.length;
          writeNumber(block.bytes, at + idAt, next);
          writeNumber(block.bytes, at + seqAt, next);
        }
        const whole = events === perBlock;
        const bytes = whole
          ? block.bytes
          : chunkOf(block.bytes.subarray(block.bodyAt, block.bodyAt + events * event.length));
        socket.write(bytes, () => {
          free.push(block);
          send();
        });
      }
    };
    send();
  });
  socket.on('error', () => {}); // the reader has gone: the run is over
});
server.listen(port, '127.0.0.1');

function chunkOf(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
}
