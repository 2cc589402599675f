import { define } from '../config/config-def.ts';
import { connectVersion, type TransformClass } from './transform.ts';

/** Drops what it is given: of use with a predicate alone. */
export const filter: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.Filter',
  version: connectVersion,
  config: define({}),
  make: () => ({ apply: () => null }),
};
