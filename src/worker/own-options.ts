import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';

/** Something differs, and all of it are options of the connector: those of the worker are read when a task is started. */
export function onlyOwnDiffer(connector: Connector, before: RawConfig | undefined, after: RawConfig): boolean {
  if (before === undefined) return false;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => before[key] !== after[key],
  );
  const isOwn = (key: string): boolean =>
    Object.hasOwn(connector.config.options, key) ||
    connector.prefixes?.some((prefix) => key.startsWith(prefix)) === true;
  return keys.length > 0 && keys.every(isOwn);
}
