/** Topics and their partitions in the file. */
import type { TopicState } from './protocol.ts';
import type { StoreLog } from './store-log.ts';
import type { StoreMemory, Topic } from './store-memory.ts';
import type { StoreSql } from './store-sql.ts';

export class StoreTopics {
  readonly #sql: StoreSql;
  readonly #memory: StoreMemory;
  readonly #log: StoreLog;

  constructor(sql: StoreSql, memory: StoreMemory, log: StoreLog) {
    this.#sql = sql;
    this.#memory = memory;
    this.#log = log;
  }

  /** Undefined where the name is taken. */
  create(
    name: string,
    id: string,
    partitions: number,
    config: Readonly<Record<string, string>>,
  ): TopicState | undefined {
    if ([...this.#memory.topics.values()].some((topic) => topic.name === name)) return undefined;
    const no = Number(this.#sql.insertTopic.run(name, id, JSON.stringify(config)).lastInsertRowid);
    const topic: Topic = { no, id, name, config, partitions: [] };
    this.#memory.topics.set(no, topic);
    return this.addPartitions(topic, partitions);
  }

  alter(topic: Topic, changes: Readonly<Record<string, string | null>>): TopicState {
    const entries = Object.entries({ ...topic.config, ...changes });
    const config = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
    this.#sql.setTopicConfig.run(JSON.stringify(config), topic.no);
    topic.config = config;
    for (const no of topic.partitions) {
      const partition = this.#memory.partitions.get(no);
      if (partition === undefined) continue;
      partition.maxBytes = this.#memory.maxBytesOf(config);
      this.#log.boundBytes(partition);
    }
    return this.#memory.topicState(topic);
  }

  addPartitions(topic: Topic, count: number): TopicState {
    for (let partition = topic.partitions.length; partition < count; partition++) {
      const no = Number(this.#sql.insertPartition.run(topic.no, partition).lastInsertRowid);
      this.#memory.addPartition(no, topic.no, partition);
    }
    return this.#memory.topicState(topic);
  }

  /** The topic is gone at once, with what groups have committed for it; trimming takes its batches away later. */
  delete(topic: Topic): void {
    for (const no of topic.partitions) {
      this.#sql.deletePartition.run(no);
      this.#sql.insertDropped.run(no);
      this.#memory.partitions.delete(no);
      this.#memory.toTrim.add(no);
    }
    this.#sql.deleteTopic.run(topic.no);
    this.#sql.deleteOffsetsOfTopic.run(topic.name);
    this.#memory.topics.delete(topic.no);
  }
}
