import { TributaryError } from '../base/errors.ts';
import { type RawConfig, validate } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import { connectorOptions } from './framework-config.ts';
import { findConnector } from './plugins.ts';

/** Throws CONFIG_INVALID with every problem of a connector's configuration, in the words that clients of Kafka Connect know. */
export function checkConnectorConfig(name: string, config: RawConfig, connectors: readonly Connector[]): void {
  const className = config['connector.class'];
  if (className === undefined) {
    throw new TributaryError('CONFIG_INVALID', `Connector config {name=${name}} contains no connector type`);
  }
  const connector = findConnector(connectors, className);
  const errors = validate(connectorOptions(connector.config), config).flatMap((value) => value.errors);
  if (errors.length === 0) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Connector configuration is invalid and contains the following ${errors.length} error(s):\n${errors.join('\n')}\n` +
      'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  );
}
