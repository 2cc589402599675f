/** Secrets in configurations that REST shows (`rest.mask.secrets`). */
import type { RawConfig } from '../config/raw.ts';
import { Refusal } from './refusal.ts';

const mask = '******';
/** A value that is nothing but a reference to a secret tells no secret. */
const reference = /^\s*\$\{[^{}]+\}\s*$/;

export function masked(config: RawConfig, secretKeys: ReadonlySet<string>): RawConfig {
  if (secretKeys.size === 0) return config;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, isHidden(key, value, secretKeys) ? mask : value]),
  );
}

/** What a client meant that got masks and sends them back: the values that it could not see, as they were. */
export function unmasked(
  config: RawConfig,
  secretKeys: ReadonlySet<string>,
  previous: RawConfig | undefined,
): RawConfig {
  const kept: Record<string, string> = {};
  for (const key of secretKeys) {
    if (config[key]?.trim() !== mask) continue;
    const value = previous?.[key];
    if (value === undefined) {
      throw new Refusal(
        400,
        `Invalid value ${mask} for configuration ${key}: it stands for a value that is kept, and there is none yet`,
      );
    }
    kept[key] = value;
  }
  return { ...config, ...kept };
}

function isHidden(key: string, value: string, secretKeys: ReadonlySet<string>): boolean {
  return secretKeys.has(key) && value !== '' && !reference.test(value);
}
