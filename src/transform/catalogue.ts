/** Transforms and predicates by name: one line each, in the order in which Kafka Connect lists them. */
import { suggest } from '../base/nearest.ts';
import { dropHeaders } from './drop-headers.ts';
import { filter } from './filter.ts';
import { hoistField } from './hoist-field.ts';
import { hasHeaderKey } from './predicates/has-header-key.ts';
import { recordIsTombstone } from './predicates/record-is-tombstone.ts';
import type { TransformCatalogue } from './transform.ts';

export const builtInTransforms: TransformCatalogue = {
  transforms: [dropHeaders, filter, ...hoistField],
  predicates: [hasHeaderKey, recordIsTombstone],
};

/** By class name, or by that without its package (`RegexRouter`, `HoistField$Value`). */
export function findClass<C extends { readonly className: string }>(
  classes: readonly C[],
  name: string,
): C | undefined {
  return classes.find(({ className }) => name === className || className.endsWith(`.${name}`));
}

/** ` Did you mean "RegexRouter"?`, or empty. */
export function suggestClass(classes: readonly { readonly className: string }[], name: string): string {
  return suggest(
    name,
    classes.flatMap(({ className }) => [className, className.slice(className.lastIndexOf('.') + 1)]),
  );
}
