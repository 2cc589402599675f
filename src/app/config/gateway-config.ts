/** The section `gateway` of the configuration file, with references resolved and the environment's keys over it. */
import { readGatewaySettings } from '../../gateway/read-settings.ts';
import { type GatewaySettings, gatewayDefaults } from '../../gateway/settings.ts';
import { type ProviderOptions, resolveValue } from './providers.ts';

/** Keys of single values, which environment variables may set: `gateway.listen`, `gateway.limits.connections`, … */
export const gatewayKeys: readonly string[] = flatKeys('gateway', gatewayDefaults);

/** CONFIG_INVALID. `written`: the section as it was parsed; `over`: keys of gatewayKeys with their text. */
export function gatewaySettings(
  written: unknown,
  over: ReadonlyMap<string, string>,
  providers: ProviderOptions,
): GatewaySettings {
  const section = resolved('gateway', written ?? {}, providers);
  for (const [key, text] of over) setKey(section as Record<string, unknown>, key.split('.').slice(1), text);
  return readGatewaySettings(section);
}

/** `${claim}` in access rules is the gateway's own, and looks like none of the providers' references. */
function resolved(key: string, value: unknown, providers: ProviderOptions): unknown {
  if (typeof value === 'string') return resolveValue(key, value, providers);
  if (Array.isArray(value)) return value.map((entry, at) => resolved(`${key}[${at}]`, entry, providers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, resolved(`${key}.${name}`, entry, providers)]),
  );
}

function setKey(section: Record<string, unknown>, [name = '', ...rest]: readonly string[], text: string): void {
  if (rest.length > 0) {
    const inner = section[name];
    const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
    section[name] = next;
    setKey(next, rest, text);
  } else section[name] = /^\d+$/.test(text) ? Number(text) : text === 'true' ? true : text === 'false' ? false : text;
}

function flatKeys(path: string, defaults: object): string[] {
  return Object.entries(defaults).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [];
    return typeof value === 'object' && value !== null ? flatKeys(`${path}.${name}`, value) : [`${path}.${name}`];
  });
}
