/**
 * Keys of a connector's configuration that nothing reads. Kafka Connect passes over them in silence; here they are told of,
 * with the name that was probably meant.
 */
import { suggest } from '../base/nearest.ts';
import type { ShownValue } from '../config/config-infos.ts';
import { parseValue } from '../config/parse-value.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';

export interface UnknownKey {
  readonly key: string;
  /** A sentence: `nothing reads it. Did you mean "x"?` */
  readonly reason: string;
}

/** `values` are those that validation gave for this configuration. */
export function unknownConnectorKeys(
  config: RawConfig,
  connector: Connector,
  values: readonly ShownValue[],
): readonly UnknownKey[] {
  const known = new Set(values.map(({ name }) => name));
  const groups = listed(config, 'topic.creation.groups');
  const free = [
    'topic.creation.default.',
    ...groups.map((group) => `topic.creation.${group}.`),
    ...clientPrefixes,
    ...(connector.prefixes ?? []),
  ];
  return Object.keys(config)
    .filter((key) => !known.has(key) && !free.some((prefix) => key.startsWith(prefix)))
    .map((key) => ({ key, reason: `nothing reads it.${unnamed(key, config) ?? suggest(key, known)}` }));
}

/** What acts of these, and what has no meaning here, is told apart elsewhere. */
const clientPrefixes = ['producer.override.', 'consumer.override.', 'admin.override.'];

const converterOption = /^((?:key|value|header)\.converter)\./;
const aliased = /^(transforms|predicates|topic\.creation)\.([^.]+)\./;

/** Options of something that the configuration does not name: the key may be right, what it belongs to is missing. */
function unnamed(key: string, config: RawConfig): string | undefined {
  const converter = converterOption.exec(key)?.[1];
  if (converter !== undefined && config[converter] === undefined) {
    return ` It would need "${converter}": options of the worker's own converter are set at the worker.`;
  }
  const [, list, alias] = aliased.exec(key) ?? [];
  if (list === undefined || alias === undefined) return undefined;
  const name = list === 'topic.creation' ? 'topic.creation.groups' : list;
  return listed(config, name).includes(alias) ? undefined : ` "${name}" does not name "${alias}".`;
}

function listed(config: RawConfig, key: string): readonly string[] {
  const parsed = parseValue('LIST', config[key]);
  return parsed.ok ? ((parsed.value as readonly string[] | null) ?? []) : [];
}
