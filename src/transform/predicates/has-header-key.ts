import { define, parse } from '../../config/config-def.ts';
import { string } from '../../config/option.ts';
import { connectVersion, type PredicateClass } from '../transform.ts';
import { nonEmptyString } from '../validators.ts';

const config = define({
  name: string({ doc: 'Name of a header that the record must have', validate: nonEmptyString }),
});

/** True for a record that has at least one header of that name. */
export const hasHeaderKey: PredicateClass = {
  kind: 'predicate',
  className: 'org.apache.kafka.connect.transforms.predicates.HasHeaderKey',
  version: connectVersion,
  config,
  make(raw) {
    const { name } = parse(config, raw);
    return {
      test({ headers }) {
        for (const { key } of headers) if (key === name) return true;
        return false;
      },
    };
  },
};
