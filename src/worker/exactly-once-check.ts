/** What Kafka Connect checks beforehand of `exactly.once.support` and `transaction.boundary`, in its words. */
import type { RawConfig, RawConfigWithNulls } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';

/** Errors by option. A value that is none of the allowed ones is already an error of its own. */
export function exactlyOnceErrors(
  connector: Connector,
  raw: RawConfigWithNulls,
  isEnabled: boolean,
): Readonly<Record<string, readonly string[]>> {
  if (connector.kind !== 'source') return {};
  const config = raw as RawConfig; // a null is an error of its own, and no check here reads it
  const support: string[] = [];
  if (word(raw['exactly.once.support']) === 'required') {
    if (!isEnabled) support.push('This worker does not have exactly-once source support enabled.');
    const supported = connector.exactlyOnceSupport?.(config);
    if (supported === undefined) support.push(unknownSupport);
    else if (!supported) {
      support.push('The connector does not support exactly-once semantics with the provided configuration.');
    }
  }
  const boundary =
    word(raw['transaction.boundary']) === 'connector' && connector.definesTransactions?.(config) !== true
      ? [ownBoundaries]
      : [];
  return { 'exactly.once.support': support, 'transaction.boundary': boundary };
}

const unknownSupport =
  'The connector does not implement the API required for preflight validation of exactly-once source support. Please ' +
  'consult the documentation for the connector to determine whether it supports exactly-once semantics, and then ' +
  'consider reconfiguring the connector to use the value "requested" for this property (which will disable this ' +
  'preflight check and allow the connector to be created).';
const ownBoundaries =
  'The connector does not support connector-defined transaction boundaries with the given configuration. Please ' +
  'reconfigure it to use a different transaction boundary definition.';

function word(value: string | null | undefined): string | undefined {
  return value?.trim().toLowerCase();
}
