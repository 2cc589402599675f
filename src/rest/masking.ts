/** Secrets in what REST shows and takes back (`rest.mask.secrets`). */
import type { ConfigInfos } from '../config/config-infos.ts';
import { type RawConfigWithNulls, withoutNulls } from '../config/raw.ts';
import {
  mask,
  masked as maskedConfig,
  maskedValue,
  secretTexts,
  unmasked as unmaskedConfig,
} from '../config/secrets.ts';
import { Refusal } from './refusal.ts';
import type { OffsetView, RestWorker } from './rest-worker.ts';

export function masked(config: RawConfigWithNulls, worker: RestWorker): RawConfigWithNulls {
  return { ...config, ...maskedConfig(withoutNulls(config), worker.secretKeys(config)) };
}

/**
 * What a client meant that got masks and sends them back: the values that it could not see, as they were. A key that was a
 * password of the class before counts, too: else a mask would be stored in its place.
 */
export function unmasked(
  config: RawConfigWithNulls,
  previous: RawConfigWithNulls | undefined,
  worker: RestWorker,
): RawConfigWithNulls {
  const before = previous === undefined ? [] : worker.secretKeys(previous);
  const secretKeys = new Set([...worker.secretKeys(config), ...before]);
  const result = unmaskedConfig(withoutNulls(config), previous && withoutNulls(previous), secretKeys);
  if (result.ok) return { ...config, ...result.config };
  throw new Refusal(
    400,
    `Invalid value ${mask} for configuration ${result.key}: it stands for a value that is kept, and there is none yet`,
  );
}

/** A validation answer in which a reference stands as it was written, not as what it refers to, and no secret in clear. */
export function hideResolved(answer: ConfigInfos, config: RawConfigWithNulls): ConfigInfos {
  const configs = answer.configs.map((entry) => {
    const written = config[entry.value.name];
    if (entry.definition?.type === 'PASSWORD') return entry;
    if (!written?.includes('${')) return withoutParts(entry, written ?? null);
    const errors = entry.value.errors.map(
      () => `Invalid value ${written} for configuration ${entry.value.name}: what it refers to is not valid`,
    );
    return { ...entry, value: { ...entry.value, value: written, errors } };
  });
  return { ...answer, configs };
}

type Entry = ConfigInfos['configs'][number];

/** Secrets within a value, such as the password of a URL, are hidden there and in what is said of it. */
function withoutParts(entry: Entry, written: string | null): Entry {
  const { name, value, errors } = entry.value;
  if (written === null) return entry;
  const texts = secretTexts({ [name]: written }, new Set());
  if (texts.length === 0) return entry;
  const hidden = (text: string): string => texts.reduce((shown, secret) => shown.replaceAll(secret, mask), text);
  return {
    ...entry,
    value: { ...entry.value, value: value === null ? null : hidden(value), errors: errors.map(hidden) },
  };
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
