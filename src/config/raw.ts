/** A configuration as people write it: text by key. What a file or a REST body holds becomes this before anything else. */
export type RawConfig = Readonly<Record<string, string>>;

/** The same where REST lets a null through. */
export type RawConfigWithNulls = Readonly<Record<string, string | null>>;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Keys that begin with a prefix, without it: `value.converter.schemas.enable` gives `schemas.enable`. */
export function withoutPrefix(config: RawConfig, prefix: string): RawConfig {
  const found: Record<string, string> = {};
  for (const [key, value] of Object.entries(config))
    if (key.startsWith(prefix)) found[key.slice(prefix.length)] = value;
  return found;
}

export function withoutNulls(config: RawConfigWithNulls): RawConfig {
  const values = Object.values(config);
  if (!values.includes(null)) return config as RawConfig;
  return Object.fromEntries(Object.entries(config).filter((entry): entry is [string, string] => entry[1] !== null));
}
