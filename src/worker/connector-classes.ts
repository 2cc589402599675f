/** The connector class that a configuration names, and what follows from it. */
import type { RawConfigWithNulls } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import { connectorOptions } from './framework-config.ts';
import { findConnector } from './plugins.ts';
import type { ConnectorType } from './worker-view.ts';

export class ConnectorClasses {
  readonly #connectors: readonly Connector[];
  /** Asked for each configuration that is shown. */
  readonly #secretKeys = new Map<Connector, ReadonlySet<string>>();

  constructor(connectors: readonly Connector[]) {
    this.#connectors = connectors;
  }

  /** undefined for a class that is gone: its start has failed with the reason. */
  of(config: RawConfigWithNulls): Connector | undefined {
    try {
      return findConnector(this.#connectors, config['connector.class'] ?? '');
    } catch {
      return undefined;
    }
  }

  typeOf(config: RawConfigWithNulls): ConnectorType {
    return this.of(config)?.kind ?? 'unknown';
  }

  /** Options whose values nobody may see. */
  secretKeys(config: RawConfigWithNulls): ReadonlySet<string> {
    const connector = this.of(config);
    if (connector === undefined) return new Set();
    let keys = this.#secretKeys.get(connector);
    if (keys === undefined) {
      const { options } = connectorOptions(connector.config);
      keys = new Set(Object.keys(options).filter((key) => options[key]!.type === 'PASSWORD'));
      this.#secretKeys.set(connector, keys);
    }
    return keys;
  }
}
