/** Which connectors may connect to where: what came over a listener that others reach is held to public addresses. */
import type { RawConfig } from '../config/raw.ts';
import { type OutboundPolicy, publicOnly, unrestricted } from '../net/outbound-policy.ts';
import { isLoopback } from '../rest/listen.ts';
import type { ListenerSettings, NamedConnector, OutboundSettings } from './config/app-config.ts';

/**
 * By the configuration as it is stored: what stands in the operator's own files is trusted, anything else may have come over
 * REST, now or before an earlier stop.
 */
export function outboundPolicies(
  { policy, allow }: OutboundSettings,
  listeners: readonly ListenerSettings[],
  fromFiles: readonly NamedConnector[],
): (connector: string, config: RawConfig) => OutboundPolicy {
  const isReachable = listeners.some(({ host }) => !isLoopback(host));
  if (policy !== 'public' && !isReachable) return () => unrestricted;
  const restricted = publicOnly(allow);
  const trusted = new Map(fromFiles.map(({ name, config }) => [name, config]));
  return (connector, config) => {
    const own = trusted.get(connector);
    return own !== undefined && isSame(own, config) ? unrestricted : restricted;
  };
}

/** The worker adds the name where it is missing. */
function isSame(own: RawConfig, stored: RawConfig): boolean {
  const keys = new Set([...Object.keys(own), ...Object.keys(stored)]);
  keys.delete('name');
  return [...keys].every((key) => own[key]?.trim() === stored[key]?.trim());
}
