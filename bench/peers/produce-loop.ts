/**
 * The floor of writing to Kafka: one batch that was encoded before is sent again and again with acks=all, as many in flight
 * as we have; nothing is encoded, and of an answer only its error code is looked at. Arguments: bootstrap address, topic,
 * records, bytes of each, bytes of a batch.
 */
import { connect } from 'node:net';
import { codecs } from '../../src/app/codecs.ts';
import { BatchBuffer } from '../../src/record/batch-buffer.ts';
import { encodeBatch } from '../../src/record/encode.ts';
import { ByteWriter } from '../stand-in/byte-writer.ts';
import { tell } from './child.ts';

const [bootstrap, topic, count, size, batchBytes] = process.argv.slice(2) as [string, string, string, string, string];
const [host, port] = bootstrap.split(':') as [string, string];
const inFlight = 5;
const produce = { apiKey: 0, version: 11 };

const value = Buffer.alloc(Number(size), 'x');
const record = { key: null, value, headers: [], timestampMs: null };
const into = new BatchBuffer();
const wanted = new Array<typeof record>(Math.ceil(Number(batchBytes) / Number(size))).fill(record);
const batch = encodeBatch(wanted, 0, into, { codecs, maxBytes: Number(batchBytes), nowMs: Date.now() });
const frame = requestOf(into.view());

let sent = 0;
let seen = 0;
let rest = Buffer.alloc(0);
const socket = connect(Number(port), host);
socket.on('error', () => process.exit(1));
socket.on('data', (bytes) => {
  rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
    checkAnswer(rest.subarray(0, 4 + rest.readInt32BE(0)));
    rest = rest.subarray(4 + rest.readInt32BE(0));
    seen += batch.count;
    if (sent < Number(count)) send();
  }
});
for (let i = 0; i < inFlight; i++) send();
tell(() => seen);

function send(): void {
  sent += batch.count;
  socket.write(frame);
}

function requestOf(bytes: Buffer): Buffer {
  const body = new ByteWriter().int16(produce.apiKey).int16(produce.version).int32(1).int16(-1).end();
  body.string(null).int16(-1).int32(30_000);
  body.array([topic], (name) => {
    body.string(name).array([0], (partition) => body.int32(partition).bytesOf([bytes]).end());
    body.end();
  });
  body.end();
  return Buffer.concat([new ByteWriter().int32(body.bytes.length).bytes, body.bytes]);
}

/** Size, correlation id, tags; one topic by name, one partition: its number, its error code. */
function checkAnswer(answer: Buffer): void {
  const at = 4 + 4 + 1 + 1 + 1 + topic.length + 1 + 4;
  const errorCode = answer.readInt16BE(at);
  if (errorCode !== 0) throw new Error(`Kafka answers the bare Produce loop with the error ${errorCode}`);
}
