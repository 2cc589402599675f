/** Transforms and predicates by name: one line each, in the order in which Kafka Connect lists them. */
import { suggest } from '../base/nearest.ts';
import { cast } from './cast.ts';
import { dropHeaders } from './drop-headers.ts';
import { extractField } from './extract-field.ts';
import { filter } from './filter.ts';
import { flatten } from './flatten.ts';
import { headerFrom } from './header-from.ts';
import { hoistField } from './hoist-field.ts';
import { insertField } from './insert-field.ts';
import { insertHeader } from './insert-header.ts';
import { maskField } from './mask-field.ts';
import { hasHeaderKey } from './predicates/has-header-key.ts';
import { recordIsTombstone } from './predicates/record-is-tombstone.ts';
import { topicNameMatches } from './predicates/topic-name-matches.ts';
import { regexRouter } from './regex-router.ts';
import { replaceField } from './replace-field.ts';
import { setSchemaMetadata } from './set-schema-metadata.ts';
import { timestampConverter } from './timestamp-converter.ts';
import { timestampRouter } from './timestamp-router.ts';
import type { TransformCatalogue } from './transform.ts';
import { valueToKey } from './value-to-key.ts';

export const builtInTransforms: TransformCatalogue = {
  transforms: [
    ...cast,
    dropHeaders,
    ...extractField,
    filter,
    ...flatten,
    ...headerFrom,
    ...hoistField,
    ...insertField,
    insertHeader,
    ...maskField,
    regexRouter,
    ...replaceField,
    ...setSchemaMetadata,
    ...timestampConverter,
    timestampRouter,
    valueToKey,
  ],
  predicates: [hasHeaderKey, recordIsTombstone, topicNameMatches],
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
