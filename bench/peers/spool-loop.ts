/**
 * The floor of the spool: a WebSocket's bytes are appended to a file as they come, all that has come with one sync, and for each
 * batch's worth of what is synced a batch that was encoded before goes to Kafka with acks=all. Nothing is read as a frame, encoded,
 * indexed, or ever taken away. Messages are counted when Kafka has acknowledged as many. Arguments: URL, bytes of a frame, folder,
 * bootstrap address, topic, bytes of a record, bytes of a batch.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { tell } from './child.ts';
import { produceRequest } from './produce-request.ts';

const [address, frameBytes, folder, bootstrap, topic, size, batchBytes] = process.argv.slice(2) as [
  ...[string, string, string, string],
  ...[string, string, string],
];
const inFlight = 5;
/** As much as may wait for the disk; the feed waits then. */
const pendingBytes = 4 * 1024 * 1024;

const request = produceRequest(topic, Number(size), Number(batchBytes));
const file: FileHandle = await open(join(folder, 'bare-log'), 'w');
let filling = Buffer.allocUnsafeSlow(pendingBytes + 65_536);
let writing = Buffer.allocUnsafeSlow(pendingBytes + 65_536);
let filled = 0;
let isOpen = false;
let isSyncing = false;
let hasEnded = false;
let synced = 0;
let sent = 0;
let answered = 0;
let seen = 0;

const feed = new URL(address);
const socket = connect({
  host: feed.hostname,
  port: Number(feed.port),
  onread: { buffer: Buffer.allocUnsafeSlow(65_536), callback: onBytes },
});
socket.write(
  `GET / HTTP/1.1\r\nHost: ${feed.hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dHJpYnV0YXJ5IGJlbmNobQ==\r\n\r\n`,
);
socket.on('error', () => {}); // the feed has ended
socket.on('close', () => {
  hasEnded = true;
  send();
});

const [host, port] = bootstrap.split(':') as [string, string];
let rest = Buffer.alloc(0);
const kafka = connect(Number(port), host);
kafka.on('error', () => process.exit(1));
kafka.on('data', (bytes) => {
  rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
    request.check(rest.subarray(0, 4 + rest.readInt32BE(0)));
    rest = rest.subarray(4 + rest.readInt32BE(0));
    answered++;
    seen = Math.min(answered * request.count, Math.floor(synced / Number(frameBytes)));
  }
  send();
});
tell(() => seen);

function onBytes(count: number, buffer: Uint8Array): boolean {
  let from = 0;
  if (!isOpen) {
    const end = Buffer.from(buffer.buffer, buffer.byteOffset, count).indexOf('\r\n\r\n');
    isOpen = end >= 0;
    from = isOpen ? end + 4 : count;
  }
  filling.set(buffer.subarray(from, count), filled);
  filled += count - from;
  if (filled > 0 && !isSyncing) void sync();
  return filled < pendingBytes;
}

async function sync(): Promise<void> {
  isSyncing = true;
  while (filled > 0) {
    const bytes = filled;
    [filling, writing] = [writing, filling];
    filled = 0;
    socket.resume();
    await file.write(writing, 0, bytes);
    await file.datasync();
    synced += bytes;
    send();
  }
  isSyncing = false;
  send();
}

/** What is left at the end is less than a batch, and goes as one. */
function send(): void {
  const isLast = hasEnded && !isSyncing;
  const worth = synced / Number(frameBytes) / request.count;
  while (sent - answered < inFlight && (isLast ? sent < worth : sent + 1 <= worth)) {
    sent++;
    kafka.write(request.frame);
  }
}
