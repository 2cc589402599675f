import { define, parse } from '../config/config-def.ts';
import { list } from '../config/option.ts';
import { withHeaders } from './record-part.ts';
import { connectVersion, type TransformClass } from './transform.ts';
import { nonEmptyList } from './validators.ts';

const config = define({
  headers: list({ doc: 'Names of the headers to remove', importance: 'high', validate: nonEmptyList }),
});

/** Removes every header of these names. */
export const dropHeaders: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.DropHeaders',
  version: connectVersion,
  config,
  make(raw) {
    const dropped = new Set(parse(config, raw).headers);
    return {
      apply(record) {
        const kept = record.headers.filter(({ key }) => !dropped.has(key));
        return kept.length === record.headers.length ? record : withHeaders(record, kept);
      },
    };
  },
};
