/** Configurations in request bodies. */
export type ConfigMap = Readonly<Record<string, string | null>>;

export type ConfigResult =
  | { readonly ok: true; readonly config: ConfigMap }
  | { readonly ok: false; readonly problem: string };

/**
 * A flat map of texts, as Jackson reads one for Kafka Connect: numbers and booleans become their text, null stays, an
 * object or an array as a value is refused.
 */
export function parseConfigMap(body: unknown): ConfigResult {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { ok: false, problem: `Cannot read a configuration: must be a JSON object, not ${kindOf(body)}` };
  }
  const entries: [string, string | null][] = [];
  for (const [key, value] of Object.entries(body)) {
    if (typeof value === 'object' && value !== null) {
      const problem = `Cannot read the configuration: the value of "${key}" must be text, not ${kindOf(value)}`;
      return { ok: false, problem };
    }
    entries.push([key, value === null ? null : String(value)]);
  }
  return { ok: true, config: Object.fromEntries(entries) };
}

/** A JSON merge patch (RFC 7396) of a flat map: a null takes a key away. */
export function patchedConfig(config: ConfigMap, patch: ConfigMap): ConfigMap {
  const entries = Object.entries({ ...config, ...patch });
  return Object.fromEntries(entries.filter(([key]) => patch[key] !== null));
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
