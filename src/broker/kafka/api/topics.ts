import type { Wire } from '../connections.ts';
import { check } from '../errors.ts';
import type { Toolkit } from '../toolkit.ts';

/** Requests about topics. Each throws what the answer's error code means. Any node takes them. */

const topicResource = 2;
/** Where an entry's value comes from: set for this very topic. */
const dynamicTopicConfig = 1;
const setEntry = 0;
const deleteEntry = 1;

export interface CreateTopic {
  readonly name: string;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

export async function createTopic(toolkit: Toolkit, wire: Wire, topic: CreateTopic, timeoutMs: number): Promise<void> {
  const request = {
    name: topic.name,
    numPartitions: topic.partitions,
    replicationFactor: topic.replicationFactor,
    assignments: [],
    configs: Object.entries(topic.config).map(([name, value]) => ({ name, value })),
  };
  const answer = await wire.call(toolkit.createTopicsV7.api, [request], timeoutMs, false);
  const result = answer.topics.find((candidate) => candidate.name === topic.name);
  check(result?.errorCode ?? -1, `create topic "${topic.name}"`, result?.errorMessage);
}

export async function deleteTopic(toolkit: Toolkit, wire: Wire, name: string, timeoutMs: number): Promise<void> {
  const answer = await wire.call(toolkit.deleteTopicsV6.api, [{ name }], timeoutMs);
  const result = answer.responses[0];
  check(result?.errorCode ?? -1, `delete topic "${name}"`, result?.errorMessage);
}

/** `count`: the new total. */
export async function createPartitions(
  toolkit: Toolkit,
  wire: Wire,
  name: string,
  count: number,
  timeoutMs: number,
): Promise<void> {
  const answer = await wire.call(
    toolkit.createPartitionsV3.api,
    [{ name, count, assignments: null }],
    timeoutMs,
    false,
  );
  const result = answer.results[0];
  check(result?.errorCode ?? -1, `set topic "${name}" to ${count} partitions`, result?.errorMessage);
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  /** True where this topic has a value of its own. */
  readonly isSet: boolean;
}

/** Entries of a topic's configuration; all where `names` is left out. */
export async function describeConfig(
  toolkit: Toolkit,
  wire: Wire,
  topic: string,
  names?: readonly string[],
): Promise<ConfigEntry[]> {
  const resource = {
    resourceType: topicResource,
    resourceName: topic,
    configurationKeys: names === undefined ? null : [...names],
  } as const;
  const answer = await wire.call(toolkit.describeConfigsV4.api, [resource], false, false);
  const result = answer.results[0];
  check(result?.errorCode ?? -1, `read the configuration of topic "${topic}"`, result?.errorMessage);
  return result!.configs.map(({ name, value, configSource }) => ({
    name,
    value: value ?? '',
    isSet: configSource === dynamicTopicConfig,
  }));
}

/** Sets entries; null deletes one, which takes it back to its default. */
export async function alterConfig(
  toolkit: Toolkit,
  wire: Wire,
  topic: string,
  entries: Readonly<Record<string, string | null>>,
): Promise<void> {
  const configs = Object.entries(entries).map(([name, value]) =>
    value === null
      ? ({ name, configOperation: deleteEntry } as const)
      : ({ name, configOperation: setEntry, value } as const),
  );
  const resource = { resourceType: topicResource, resourceName: topic, configs } as const;
  const answer = await wire.call(toolkit.incrementalAlterConfigsV1.api, [resource], false);
  const result = answer.responses[0];
  check(result?.errorCode ?? -1, `change the configuration of topic "${topic}"`, result?.errorMessage);
}
