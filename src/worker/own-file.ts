/** The connectors of a worker's own configuration file: they win over what the table holds of the same names. */
import { isDeepStrictEqual } from 'node:util';
import type { RawConfig } from '../config/raw.ts';
import type { Log } from '../telemetry/log.ts';
import type { ConfigTable } from './config-table.ts';

export class OwnFile {
  readonly connectors: readonly (readonly [name: string, config: RawConfig])[];
  readonly #configs: ConfigTable;
  readonly #log: Log;

  constructor(connectors: Readonly<Record<string, RawConfig>>, configs: ConfigTable, log: Log) {
    this.connectors = Object.entries(connectors).map(([name, config]) => [name, { ...config, name }]);
    this.#configs = configs;
    this.#log = log;
  }

  /** Side by side: each write waits until the table has read it back. */
  async write(): Promise<void> {
    await Promise.all(this.connectors.map(([name, config]) => this.#write(name, config)));
  }

  async #write(name: string, config: RawConfig): Promise<void> {
    const stored = this.#configs.asGiven(name);
    // As it is already: other workers that run it need not hear of it.
    if (stored !== undefined && isDeepStrictEqual(stored, config)) return;
    if (stored !== undefined) {
      this.#log.warn('connector_replaced', {
        connector: name,
        reason: 'the configuration file says otherwise than what was stored: the file wins',
      });
    }
    await this.#configs.putConnector(name, config);
  }
}
