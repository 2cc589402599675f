/**
 * The floor of permessage-deflate: the payloads of a connection are one deflate stream, a marker behind each message left out
 * (RFC 7692, 7.2.1). It is put in again, and zlib inflates all that has come as one piece, not message by message; nothing is
 * done with what comes out. Messages are counted by their bytes. Arguments: URL, bytes of a message.
 */
import { connect } from 'node:net';
import { constants, createInflateRaw } from 'node:zlib';
import { tell } from './child.ts';

const [address, messageBytes] = process.argv.slice(2) as [string, string];
const { hostname, port } = new URL(address);
const marker = Buffer.from([0, 0, 0xff, 0xff]);
let inflated = 0;
let rest = Buffer.alloc(0);
let isOpen = false;

const inflate = createInflateRaw({ chunkSize: 1 << 20, flush: constants.Z_SYNC_FLUSH });
inflate.on('data', (chunk: Buffer) => {
  inflated += chunk.length;
});
const socket = connect(Number(port), hostname);
socket.on('data', (bytes) => {
  rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
  if (!isOpen) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    isOpen = true;
    rest = rest.subarray(end + 4);
  }
  const payloads = takeFrames();
  if (payloads.length === 0 || inflate.write(Buffer.concat(payloads))) return;
  socket.pause();
  inflate.once('drain', () => socket.resume());
});
socket.write(
  `GET / HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dHJpYnV0YXJ5IGJlbmNobQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
);
socket.on('error', () => {}); // the feed has ended
tell(() => Math.floor(inflated / Number(messageBytes)));

/** Payloads of the whole frames in `rest`, each with its marker; what is left stays there. */
function takeFrames(): Buffer[] {
  const payloads: Buffer[] = [];
  let at = 0;
  while (rest.length - at >= 4) {
    const short = rest[at + 1]! & 0x7f;
    const isClose = (rest[at]! & 0x0f) === 8;
    const header = short < 126 ? 2 : 4; // no message of a benchmark is longer than 65 535 bytes
    const length = short < 126 ? short : rest.readUInt16BE(at + 2);
    if (rest.length - at < header + length) break;
    if (!isClose) payloads.push(rest.subarray(at + header, at + header + length), marker);
    at += header + length;
  }
  rest = rest.subarray(at);
  return payloads;
}
