/** What the stand-in answers: the requests of a worker that runs sources, in the newest version that our client speaks. */
import type { ByteReader } from '../../src/broker/kafka/byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { heartbeat, joinGroup, leaveGroup, offsetCommit, offsetFetch, syncGroup } from './group.ts';
import type { Partition, Topics } from './log.ts';

export interface Node {
  readonly topics: Topics;
  readonly host: string;
  readonly port: number;
  nextProducerId: number;
}

/** Writes the answer; a promise where it is written later. */
type Handler = (request: ByteReader, answer: ByteWriter, node: Node) => void | Promise<void>;

interface Api {
  readonly min: number;
  readonly max: number;
  readonly handle: Handler;
}

const unknownTopic = 3;
const topicExists = 36;
const noId = '00000000-0000-0000-0000-000000000000';

export const apis: ReadonlyMap<number, Api> = new Map([
  [0, { min: 11, max: 11, handle: produce }],
  [1, { min: 17, max: 17, handle: fetch }],
  [2, { min: 7, max: 7, handle: listOffsets }],
  [3, { min: 12, max: 12, handle: metadata }],
  [8, { min: 8, max: 8, handle: offsetCommit }],
  [9, { min: 8, max: 8, handle: offsetFetch }],
  [10, { min: 4, max: 4, handle: findCoordinator }],
  [11, { min: 9, max: 9, handle: joinGroup }],
  [12, { min: 4, max: 4, handle: heartbeat }],
  [13, { min: 5, max: 5, handle: leaveGroup }],
  [14, { min: 5, max: 5, handle: syncGroup }],
  [18, { min: 0, max: 3, handle: apiVersions }],
  [19, { min: 7, max: 7, handle: createTopics }],
  [22, { min: 4, max: 4, handle: initProducerId }],
  [32, { min: 4, max: 4, handle: describeConfigs }],
]);

function apiVersions(_request: ByteReader, answer: ByteWriter): void {
  answer.int16(0);
  answer.array([...apis], ([key, { min, max }]) => answer.int16(key).int16(min).int16(max).end());
  answer.int32(0).end();
}

function metadata(request: ByteReader, answer: ByteWriter, { topics, host, port }: Node): void {
  const isForAll = request.bytes[request.bytes.length - request.remaining] === 0;
  const names = request.compactArray(18, () => {
    const id = request.uuid();
    const name = request.compactNullableString() ?? topics.byId(id)?.name ?? '';
    request.taggedFields();
    return name;
  });
  answer.int32(0);
  answer.array([0], () => answer.int32(1).string(host).int32(port).string(null).end());
  answer.string('stand-in').int32(1);
  answer.array(isForAll ? topics.all.map(({ name }) => name) : names, (name) => {
    const topic = topics.byName(name);
    answer
      .int16(topic === undefined ? unknownTopic : 0)
      .string(name)
      .uuid(topic?.id ?? noId)
      .int8(0);
    answer.array([...(topic?.partitions.keys() ?? [])], (partition) => {
      answer.int16(0).int32(partition).int32(1).int32(0);
      for (const nodes of [[1], [1], []]) answer.array(nodes, (id) => answer.int32(id));
      answer.end();
    });
    answer.int32(-2147483648).end();
  });
  answer.end();
}

function findCoordinator(request: ByteReader, answer: ByteWriter, { host, port }: Node): void {
  request.int8();
  const keys = request.compactArray(1, () => request.compactString());
  answer.int32(0);
  answer.array(keys, (key) => answer.string(key).int32(1).string(host).int32(port).int16(0).string(null).end());
  answer.end();
}

function initProducerId(_request: ByteReader, answer: ByteWriter, node: Node): void {
  answer
    .int32(0)
    .int16(0)
    .int64(node.nextProducerId++)
    .int16(0)
    .end();
}

function createTopics(request: ByteReader, answer: ByteWriter, { topics }: Node): void {
  const wanted = request.compactArray(9, () => {
    const name = request.compactString();
    const partitions = request.int32();
    request.int16();
    request.compactArray(5, () => {
      request.int32();
      request.compactArray(4, () => request.int32());
      request.taggedFields();
    });
    const config = request.compactArray(3, () => {
      const entry = [request.compactString(), request.compactNullableString() ?? ''] as const;
      request.taggedFields();
      return entry;
    });
    request.taggedFields();
    return { name, partitions, config };
  });
  answer.int32(0);
  answer.array(wanted, ({ name, partitions, config }) => {
    const exists = topics.byName(name) !== undefined;
    const topic = topics.byName(name) ?? topics.create(name, partitions, new Map(config));
    answer
      .string(name)
      .uuid(topic.id)
      .int16(exists ? topicExists : 0)
      .string(null)
      .int32(topic.partitions.length)
      .int16(1)
      .unsignedVarint(0)
      .end();
  });
  answer.end();
}

function describeConfigs(request: ByteReader, answer: ByteWriter, { topics }: Node): void {
  const wanted = request.compactArray(4, () => {
    request.int8();
    const name = request.compactString();
    const isForAll = request.bytes[request.bytes.length - request.remaining] === 0;
    const keys = request.compactArray(1, () => request.compactString());
    request.taggedFields();
    return { name, keys: isForAll ? undefined : keys };
  });
  answer.int32(0);
  answer.array(wanted, ({ name, keys }) => {
    const topic = topics.byName(name);
    const entries = new Map([['max.message.bytes', '1048588'], ...(topic?.config ?? [])]);
    answer.int16(topic === undefined ? unknownTopic : 0).string(null);
    answer.int8(2).string(name);
    const shown = topic === undefined ? [] : [...entries].filter(([key]) => keys === undefined || keys.includes(key));
    answer.array(shown, ([key, value]) => {
      answer.string(key).string(value).int8(0);
      answer.int8(topic!.config.has(key) ? 1 : 5).int8(0);
      answer.array([], () => {});
      answer.int8(0).string(null).end();
    });
    answer.end();
  });
  answer.end();
}

function listOffsets(request: ByteReader, answer: ByteWriter, { topics }: Node): void {
  request.int32();
  request.int8();
  const wanted = request.compactArray(3, () => {
    const name = request.compactString();
    const partitions = request.compactArray(17, () => {
      const partition = request.int32();
      request.int32();
      const time = request.int64();
      request.taggedFields();
      return { partition, time };
    });
    request.taggedFields();
    return { name, partitions };
  });
  answer.int32(0);
  answer.array(wanted, ({ name, partitions }) => {
    answer.string(name);
    answer.array(partitions, ({ partition, time }) => {
      const log = topics.byName(name)?.partitions[partition];
      answer.int32(partition).int16(log === undefined ? unknownTopic : 0);
      // Times are not looked up: nobody who runs sources asks for one.
      answer
        .int64(-1)
        .int64(time === -2 ? 0 : (log?.next ?? -1))
        .int32(0)
        .end();
    });
    answer.end();
  });
  answer.end();
}

function produce(request: ByteReader, answer: ByteWriter, { topics }: Node): void {
  request.compactNullableString();
  request.int16();
  request.int32();
  const results = request.compactArray(3, () => {
    const name = request.compactString();
    const topic = topics.byName(name);
    const partitions = request.compactArray(6, () => {
      const partition = request.int32();
      const batch = request.compactBytes()!;
      request.taggedFields();
      const log = topic?.partitions[partition];
      return { partition, ...(log?.append(batch) ?? { errorCode: unknownTopic, baseOffset: -1 }) };
    });
    request.taggedFields();
    return { name, partitions };
  });
  answer.array(results, ({ name, partitions }) => {
    answer.string(name);
    answer.array(partitions, ({ partition, errorCode, baseOffset }) => {
      answer.int32(partition).int16(errorCode).int64(baseOffset).int64(-1).int64(0);
      answer.array([], () => {});
      answer.string(null).end();
    });
    answer.end();
  });
  answer.int32(0).end();
}

interface Asked {
  readonly id: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
}

async function fetch(request: ByteReader, answer: ByteWriter, { topics }: Node): Promise<void> {
  const maxWaitMs = request.int32();
  for (let field = 0; field < 2; field++) request.int32();
  request.int8();
  for (let field = 0; field < 2; field++) request.int32();
  const asked = request.compactArray(18, (): Asked => {
    const id = request.uuid();
    const partitions = request.compactArray(33, () => {
      const partition = request.int32();
      request.int32();
      const offset = request.int64();
      request.int32();
      request.int64();
      request.int32();
      request.taggedFields();
      return { partition, offset };
    });
    request.taggedFields();
    return { id, partitions };
  });
  const logs = asked.flatMap(({ id, partitions }) =>
    partitions.flatMap(({ partition, offset }) => {
      const log = topics.byId(id)?.partitions[partition];
      return log === undefined ? [] : [{ log, offset }];
    }),
  );
  if (!logs.some(({ log, offset }) => log.next > offset))
    await more(
      logs.map(({ log }) => log),
      maxWaitMs,
    );
  answer.int32(0).int16(0).int32(0);
  answer.array(asked, ({ id, partitions }) => {
    answer.uuid(id);
    answer.array(partitions, ({ partition, offset }) => {
      const log = topics.byId(id)?.partitions[partition];
      const end = log?.next ?? -1;
      answer.int32(partition).int16(log === undefined ? 100 : 0);
      answer.int64(end).int64(end).int64(0);
      answer.array([], () => {});
      answer.int32(-1);
      answer.bytesOf((log?.batches ?? []).filter(({ last }) => last >= offset).map(({ bytes }) => bytes));
      answer.end();
    });
    answer.end();
  });
  answer.end();
}

/** Resolves when one of them has more, or the time is over. */
function more(logs: readonly Partition[], ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const log of logs) log.waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const log of logs) log.waiting.add(done);
  });
}
