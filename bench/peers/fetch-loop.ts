/**
 * The floor of reading from Kafka: one partition is fetched from its first offset on, a mebibyte at a time, one request after
 * the other; of each batch only the header is looked at. Arguments: bootstrap address, topic.
 */
import { connect } from 'node:net';
import { ByteReader } from '../../src/broker/kafka/byte-reader.ts';
import { readBatchHeaders } from '../../src/record/batch-header.ts';
import { ByteWriter } from '../stand-in/byte-writer.ts';
import { tell } from './child.ts';

const [bootstrap, topic] = process.argv.slice(2) as [string, string];
const [host, port] = bootstrap.split(':') as [string, string];
/** The last version that names topics; later ones go by their ids. */
const fetch = { apiKey: 1, version: 12 };
const maxBytes = 1 << 20;

let offset = 0;
let seen = 0;
let parts: Buffer[] = [];
let length = 0;
const socket = connect(Number(port), host);
socket.on('error', () => process.exit(1));
socket.on('data', (bytes) => {
  parts.push(bytes);
  length += bytes.length;
  if (length < 4) return;
  if (parts[0]!.length < 4) parts = [Buffer.concat(parts)];
  if (length < 4 + parts[0]!.readInt32BE(0)) return;
  const answer = Buffer.concat(parts);
  parts = [];
  length = 0;
  take(answer.subarray(4));
  socket.write(request());
});
socket.write(request());
tell(() => seen);

function request(): Buffer {
  const body = new ByteWriter().int16(fetch.apiKey).int16(fetch.version).int32(1).int16(-1).end();
  body.int32(-1).int32(500).int32(1).int32(maxBytes).int8(0).int32(0).int32(-1);
  body.array([topic], (name) => {
    body.string(name).array([0], (partition) => {
      body.int32(partition).int32(-1).int64(offset).int32(-1).int64(-1).int32(maxBytes).end();
    });
    body.end();
  });
  body
    .array([], () => {})
    .string('')
    .end();
  return Buffer.concat([new ByteWriter().int32(body.bytes.length).bytes, body.bytes]);
}

function take(answer: Buffer): void {
  const reader = new ByteReader(answer, 'Fetch');
  reader.int32(); // correlation id
  reader.taggedFields();
  reader.int32(); // throttle time
  const errorCode = reader.int16();
  if (errorCode !== 0) throw new Error(`Kafka answers the bare Fetch loop with the error ${errorCode}`);
  reader.int32(); // session id
  reader.compactArray(1, () => {
    reader.compactString();
    reader.compactArray(1, () => takePartition(reader));
    reader.taggedFields();
  });
}

function takePartition(reader: ByteReader): void {
  reader.int32(); // its number
  const errorCode = reader.int16();
  if (errorCode !== 0) throw new Error(`Kafka answers the bare Fetch loop with the error ${errorCode}`);
  for (let i = 0; i < 3; i++) reader.int64(); // high watermark, last stable offset, first offset
  reader.compactArray(17, () => {
    reader.int64();
    reader.int64();
    reader.taggedFields();
  });
  reader.int32(); // preferred replica
  for (const header of readBatchHeaders(reader.compactBytes() ?? Buffer.alloc(0))) {
    seen += header.recordCount;
    offset = header.lastOffset + 1;
  }
  reader.taggedFields();
}
