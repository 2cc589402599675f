/** Topics that sources write to and that are missing: made as the connector says (`topic.creation.*`), or as the worker does. */
import { describeError, isError, TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Broker, NewTopic } from '../broker/broker.ts';
import { define, parse } from '../config/config-def.ts';
import { checkJavaPattern, type JavaPattern, javaPattern } from '../config/java-pattern/java-pattern.ts';
import { int, list, short } from '../config/option.ts';
import { type RawConfig, withoutPrefix } from '../config/raw.ts';
import type { Log } from '../telemetry/log.ts';
import type { DeadLetterTopic } from './error-policy.ts';

export interface TopicCreation {
  /** False: a topic that is missing is an error. */
  readonly autoCreate: boolean;
  readonly partitions: number;
  /** Undefined: the broker's default. */
  readonly replicationFactor?: number;
}

/** How topics of one kind are made. */
export interface TopicGroup {
  readonly name: string;
  includes(topic: string): boolean;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

const prefix = 'topic.creation.';
const defaultGroup = 'default';

const brokersDefault = (what: string) => (value: number | null) =>
  value !== null && value < 1 && value !== -1 ? what : undefined;
const partitionsText = "Number of partitions must be positive, or -1 to use the broker's default";
const factorText =
  "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default";

const groupNames = define({ [`${prefix}groups`]: list({ default: [], doc: 'Groups of topics, in order' }) });

/**
 * Groups in the order in which they are asked, the default one last; undefined where the connector says nothing of topic
 * creation. CONFIG_INVALID in Kafka Connect's words where a number is missing or wrong, or a pattern cannot be read.
 */
export function topicGroups(config: RawConfig): readonly TopicGroup[] | undefined {
  if (!Object.keys(config).some((key) => key.startsWith(prefix))) return undefined;
  const names = (parse(groupNames, config)[`${prefix}groups`] as readonly string[]).filter(
    (name) => name !== defaultGroup,
  );
  const [partitionsKey, factorKey] = keysOf(defaultGroup);
  const values = parse(
    define({
      [factorKey]: short({ doc: 'Replicas', validate: brokersDefault(factorText) }),
      [partitionsKey]: int({ doc: 'Partitions', validate: brokersDefault(partitionsText) }),
    }),
    config,
  );
  const otherwise = { partitions: Number(values[partitionsKey]), replicationFactor: Number(values[factorKey]) };
  return [
    ...names.map((name) => groupOf(name, config, otherwise)),
    { name: defaultGroup, includes: () => true, ...otherwise, config: topicConfigOf(defaultGroup, config) },
  ];
}

function groupOf(
  name: string,
  config: RawConfig,
  otherwise: { readonly partitions: number; readonly replicationFactor: number },
): TopicGroup {
  const [partitionsKey, factorKey] = keysOf(name);
  const includeKey = `${prefix}${name}.include`;
  const excludeKey = `${prefix}${name}.exclude`;
  const values = parse(
    define({
      [includeKey]: list({ default: [], doc: 'Patterns of topics' }),
      [excludeKey]: list({ default: [], doc: 'Patterns of topics that are not meant' }),
      [factorKey]: short({
        default: otherwise.replicationFactor,
        doc: 'Replicas',
        validate: brokersDefault(factorText),
      }),
      [partitionsKey]: int({
        default: otherwise.partitions,
        doc: 'Partitions',
        validate: brokersDefault(partitionsText),
      }),
    }),
    config,
  );
  const include = patternOf(includeKey, values[includeKey] as readonly string[]);
  const exclude = patternOf(excludeKey, values[excludeKey] as readonly string[]);
  return {
    name,
    includes: (topic) => include?.matches(topic) === true && exclude?.matches(topic) !== true,
    partitions: Number(values[partitionsKey]),
    replicationFactor: Number(values[factorKey]),
    config: topicConfigOf(name, config),
  };
}

function keysOf(group: string): readonly [partitions: string, replicationFactor: string] {
  return [`${prefix}${group}.partitions`, `${prefix}${group}.replication.factor`];
}

/** What else a group says is the topic's own configuration. */
function topicConfigOf(group: string, config: RawConfig): Readonly<Record<string, string>> {
  const ours = new Set(['include', 'exclude', 'partitions', 'replication.factor']);
  return Object.fromEntries(
    Object.entries(withoutPrefix(config, `${prefix}${group}.`)).filter(([key]) => !ours.has(key)),
  );
}

/** One of several patterns in Java's language, each for the whole name. */
function patternOf(key: string, patterns: readonly string[]): JavaPattern | undefined {
  if (patterns.length === 0) return undefined;
  const whole = patterns.join('|');
  const fault = checkJavaPattern(whole);
  if (fault === undefined) return javaPattern(whole);
  throw new TributaryError('CONFIG_INVALID', `Invalid value ${patterns.join(',')} for configuration ${key}: ${fault}`);
}

/**
 * Looks whether a topic is there and makes it where it may, by the first of the groups that has it. UNKNOWN_TOPIC names the
 * nearest one that is there.
 */
export async function ensureTopic(
  broker: Broker,
  topic: string,
  creation: TopicCreation,
  groups: readonly TopicGroup[] | undefined,
  log: Log,
): Promise<void> {
  const known = await broker.listTopics();
  if (known.includes(topic)) return;
  if (!creation.autoCreate) {
    throw new TributaryError(
      'UNKNOWN_TOPIC',
      `Topic "${topic}" does not exist and broker.autoCreate is off: make it first.${suggest(topic, known)}`,
    );
  }
  const group = groups?.find((each) => each.includes(topic));
  if (group === undefined) {
    const { partitions, replicationFactor } = creation;
    await makeTopic(broker, { name: topic, partitions, replicationFactor }, log);
    return;
  }
  const { partitions, replicationFactor, config } = group;
  await makeTopic(broker, { name: topic, ...countsOf(broker, partitions, replicationFactor), config }, log);
}

/** One partition, as Kafka Connect makes it. */
export async function ensureDeadLetterTopic(
  broker: Broker,
  { topic, replicationFactor }: DeadLetterTopic,
  log: Log,
): Promise<void> {
  const known = await broker.listTopics();
  if (!known.includes(topic)) await makeTopic(broker, { name: topic, partitions: 1, replicationFactor }, log);
}

/** The embedded broker's default is one of each; Kafka's own is asked for by -1. */
function countsOf(broker: Broker, partitions: number, replicationFactor: number): Omit<NewTopic, 'name'> {
  return {
    ...(partitions === -1 && broker.kind === 'embedded' ? {} : { partitions }),
    ...(replicationFactor === -1 ? {} : { replicationFactor }),
  };
}

/** In Kafka Connect's words where it cannot be made. */
export async function makeTopic(broker: Broker, topic: NewTopic, log: Log): Promise<void> {
  try {
    const { partitions } = await broker.createTopic(topic);
    log.info('topic_created', { topic: topic.name, partitions: partitions.length });
  } catch (error) {
    if (isError(error, 'TOPIC_EXISTS')) return; // another task was faster
    if (!isError(error)) throw error;
    throw new TributaryError(error.code, `Unable to create topic(s) '${topic.name}': ${describeError(error)}`, {
      cause: error,
      retriable: error.retriable,
    });
  }
}
