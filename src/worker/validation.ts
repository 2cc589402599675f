import { TributaryError } from '../base/errors.ts';
import { type RawConfig, validate } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import { validateChain } from '../transform/chain-config.ts';
import { connectorOptions } from './framework-config.ts';
import { findConnector } from './plugins.ts';

/**
 * Throws CONFIG_INVALID with every problem of a connector's configuration, in the words that clients of Kafka Connect know.
 * `raw` is what was written, `config` the same with references resolved. What a reference stands for is in no text: else
 * whoever may send a configuration could read every secret by sending a wrong one.
 */
export function checkConnectorConfig(
  name: string,
  raw: RawConfig,
  config: RawConfig,
  connectors: readonly Connector[],
): void {
  const className = config['connector.class'];
  if (className === undefined) {
    throw new TributaryError('CONFIG_INVALID', `Connector config {name=${name}} contains no connector type`);
  }
  const connector = findConnector(connectors, className, raw['connector.class']);
  const errors = validate(connectorOptions(connector.config), config).flatMap((value) =>
    value.errors.length > 0 && raw[value.name] !== config[value.name]
      ? [`Invalid value ${raw[value.name]} for configuration ${value.name}: what it refers to is not valid`]
      : value.errors,
  );
  errors.push(...validateChain(config, builtInTransforms).flatMap((value) => value.errors));
  if (errors.length === 0) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Connector configuration is invalid and contains the following ${errors.length} error(s):\n${errors.join('\n')}\n` +
      'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  );
}
