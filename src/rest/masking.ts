/** Secrets in what REST shows and takes back (`rest.mask.secrets`). */
import type { RawConfig } from '../config/raw.ts';
import { mask, masked as maskedConfig, maskedValue, unmasked as unmaskedConfig } from '../config/secrets.ts';
import { Refusal } from './refusal.ts';
import type { OffsetView, RestWorker } from './rest-worker.ts';

export function masked(config: RawConfig, worker: RestWorker): RawConfig {
  return maskedConfig(config, worker.secretKeys(config));
}

/**
 * What a client meant that got masks and sends them back: the values that it could not see, as they were. A key that was a
 * password of the class before counts, too: else a mask would be stored in its place.
 */
export function unmasked(config: RawConfig, previous: RawConfig | undefined, worker: RestWorker): RawConfig {
  const before = previous === undefined ? [] : worker.secretKeys(previous);
  const result = unmaskedConfig(config, previous, new Set([...worker.secretKeys(config), ...before]));
  if (result.ok) return result.config;
  throw new Refusal(
    400,
    `Invalid value ${mask} for configuration ${result.key}: it stands for a value that is kept, and there is none yet`,
  );
}

type SourceMap = OffsetView['partition'];

/** The partition of a source may be the URL it reads, with a token in it. */
export function maskedPartition(partition: SourceMap): SourceMap {
  return Object.fromEntries(
    Object.entries(partition).map(([key, value]) => [key, typeof value === 'string' ? maskedUrl(value) : value]),
  );
}

/** The stored partition that a client means which got a masked one; what it sent where no stored one looks like it. */
export function unmaskedPartition(sent: SourceMap, stored: readonly OffsetView[]): SourceMap {
  const text = JSON.stringify(sent);
  if (!text.includes(mask)) return sent;
  return stored.find(({ partition }) => JSON.stringify(maskedPartition(partition)) === text)?.partition ?? sent;
}

function maskedUrl(text: string): string {
  return maskedValue('url', text, false);
}
