/** The topic configuration that the embedded broker knows: Kafka's names, checked as Kafka checks them. */
import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';

type Check = (value: string) => string | undefined;

const integer =
  (min: number): Check =>
  (value) =>
    /^-?\d+$/.test(value) && Number(value) >= min ? undefined : `must be a whole number, ${min} or more`;

const words =
  (...known: readonly string[]): Check =>
  (value) =>
    known.includes(value) ? undefined : `must be one of ${known.join(', ')}`;

const cleanupPolicies: Check = (value) => {
  const policies = value.split(',').map((policy) => policy.trim());
  return policies.length > 0 && policies.every((policy) => policy === 'delete' || policy === 'compact')
    ? undefined
    : 'must be delete, compact or both';
};

const checks: Readonly<Record<string, Check>> = {
  'cleanup.policy': cleanupPolicies,
  'retention.ms': integer(-1),
  'retention.bytes': integer(-1),
  'max.message.bytes': integer(0),
  'message.timestamp.type': words('CreateTime', 'LogAppendTime'),
  'min.compaction.lag.ms': integer(0),
  'delete.retention.ms': integer(0),
  'compression.type': words('producer', 'uncompressed', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
  'min.insync.replicas': integer(1),
  'min.cleanable.dirty.ratio': (value) =>
    Number(value) >= 0 && Number(value) <= 1 ? undefined : 'must be from 0 to 1',
  'max.compaction.lag.ms': integer(1),
  'segment.bytes': integer(1),
  'segment.ms': integer(1),
  'file.delete.delay.ms': integer(0),
  'flush.messages': integer(1),
  'flush.ms': integer(0),
  'unclean.leader.election.enable': words('true', 'false'),
};

/** INVALID_CONFIG names the entry, the value and the wanted form, or the nearest entry there is. */
export function checkTopicConfig(config: Readonly<Record<string, string | null>>): void {
  for (const [name, value] of Object.entries(config)) {
    const check = checks[name];
    if (check === undefined) {
      throw new TributaryError(
        'INVALID_CONFIG',
        `Unknown topic config name: ${name}.${suggest(name, Object.keys(checks))}`,
      );
    }
    const problem = value === null ? undefined : check(value);
    if (problem !== undefined) {
      throw new TributaryError('INVALID_CONFIG', `Invalid value "${value}" for topic config ${name}: ${problem}`);
    }
  }
}

/** INVALID_TOPIC where Kafka would not take the name. */
export function checkTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return;
  throw new TributaryError(
    'INVALID_TOPIC',
    `Cannot use "${name}" as a topic's name: must be 1 to 249 letters, digits, ".", "_" or "-"`,
  );
}

export function isCompacted(config: Readonly<Record<string, string>>): boolean {
  return (config['cleanup.policy'] ?? 'delete').includes('compact');
}
