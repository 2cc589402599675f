/** A Produce request made once, to be sent again and again, and what its answers say. */
import { codecs } from '../../src/app/codecs.ts';
import { BatchBuffer } from '../../src/record/batch-buffer.ts';
import { encodeBatch } from '../../src/record/encode.ts';
import { ByteWriter } from '../stand-in/byte-writer.ts';

const produce = { apiKey: 0, version: 11 };

export interface ProduceRequest {
  /** Size included; acks=all, one batch to partition 0. */
  readonly frame: Buffer;
  /** Records in its batch. */
  readonly count: number;
  /** Throws where the answer, size included, names an error. */
  check(answer: Buffer): void;
}

/** As many records of `size` bytes as go into `batchBytes`. */
export function produceRequest(topic: string, size: number, batchBytes: number): ProduceRequest {
  const record = { key: null, value: Buffer.alloc(size, 'x'), headers: [], timestampMs: null };
  const into = new BatchBuffer();
  const wanted = new Array<typeof record>(Math.ceil(batchBytes / size)).fill(record);
  const { count } = encodeBatch(wanted, 0, into, { codecs, maxBytes: batchBytes, nowMs: Date.now() });
  return {
    frame: frameOf(topic, into.view()),
    count,
    check(answer) {
      // Size, correlation id, tags; one topic by name, one partition: its number, its error code.
      const errorCode = answer.readInt16BE(4 + 4 + 1 + 1 + 1 + topic.length + 1 + 4);
      if (errorCode !== 0) throw new Error(`Kafka answers a bare Produce request with the error ${errorCode}`);
    },
  };
}

function frameOf(topic: string, batch: Buffer): Buffer {
  const body = new ByteWriter().int16(produce.apiKey).int16(produce.version).int32(1).int16(-1).end();
  body.string(null).int16(-1).int32(30_000);
  body.array([topic], (name) => {
    body.string(name).array([0], (partition) => body.int32(partition).bytesOf([batch]).end());
    body.end();
  });
  body.end();
  return Buffer.concat([new ByteWriter().int32(body.bytes.length).bytes, body.bytes]);
}
