import { define } from '../../config/config-def.ts';
import { connectVersion, type PredicateClass } from '../transform.ts';

/** True for a record without a value. */
export const recordIsTombstone: PredicateClass = {
  kind: 'predicate',
  className: 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
  version: connectVersion,
  config: define({}),
  make: () => ({ test: ({ value }) => value === null || value === undefined }),
};
