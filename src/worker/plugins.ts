import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Connector } from '../connectors/contract.ts';

/**
 * The connector of that name: its short name, a full class name, the class name without its package, or that without
 * `Connector` at its end, as Kafka Connect accepts them. CONFIG_INVALID names what there is, and `shown` in place of a name
 * that came out of a reference.
 */
export function findConnector(connectors: readonly Connector[], className: string, shown = className): Connector {
  const wanted = className.trim();
  const found = connectors.find((connector) => namesOf(connector).includes(wanted));
  if (found !== undefined) return found;
  const known = connectors.flatMap(namesOf);
  const available = connectors.map((connector) => connector.classNames[0] ?? connector.name).join(', ');
  throw new TributaryError(
    'CONFIG_INVALID',
    `Failed to find any class that implements Connector and which name matches ${shown.trim()}, available connectors are: ` +
      `${available}.${suggest(shown.trim(), known)}`,
  );
}

export function namesOf({ name, classNames }: Connector): string[] {
  return [
    name,
    ...classNames.flatMap((className) => {
      const simple = className.slice(className.lastIndexOf('.') + 1);
      return [className, simple, simple.replace(/Connector$/, '')];
    }),
  ];
}
