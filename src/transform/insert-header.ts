import { define, parse } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import { parseLiteral } from './literal.ts';
import { withHeaders } from './record-part.ts';
import { connectVersion, type TransformClass } from './transform.ts';
import { nonNull } from './validators.ts';

const config = define({
  header: string({ doc: "The header's name", importance: 'high', validate: nonNull }),
  'value.literal': string({
    doc: "The header's value, the same for every record. What reads as a number, true, false, a date or a list is one",
    importance: 'high',
    validate: nonNull,
  }),
});

/** A header that is the same for every record, behind those it has. */
export const insertHeader: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.InsertHeader',
  version: connectVersion,
  config,
  make(raw) {
    const { header, 'value.literal': literal } = parse(config, raw);
    const inserted = { key: header, ...parseLiteral(literal) };
    return { apply: (record) => withHeaders(record, [...record.headers, inserted]) };
  },
};
