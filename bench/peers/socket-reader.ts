/**
 * The floor of every ingest: a WebSocket's bytes are read into one piece of memory and nothing is done with them. Messages
 * are counted by their bytes. Arguments: URL, bytes of a frame.
 */
import { connect } from 'node:net';
import { tell } from './child.ts';

const [address, frameBytes] = process.argv.slice(2) as [string, string];
const { hostname, port } = new URL(address);
let bytes = 0;
let isOpen = false;

const onBytes = (count: number, buffer: Uint8Array): boolean => {
  bytes += count;
  if (!isOpen) {
    const end = Buffer.from(buffer.buffer, buffer.byteOffset, count).indexOf('\r\n\r\n');
    isOpen = end >= 0;
    bytes = isOpen ? count - end - 4 : 0;
  }
  return true;
};
const socket = connect({
  host: hostname,
  port: Number(port),
  onread: { buffer: Buffer.allocUnsafeSlow(65_536), callback: onBytes },
});
socket.write(
  `GET / HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dHJpYnV0YXJ5IGJlbmNobQ==\r\n\r\n`,
);
socket.on('error', () => {}); // the feed has ended
tell(() => Math.floor(bytes / Number(frameBytes)));
