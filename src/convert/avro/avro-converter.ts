import { define, merge, parse } from '../../config/config-def.ts';
import { boolean, int } from '../../config/option.ts';
import type { ConverterClass } from '../converters.ts';
import { RegisteredConverter } from '../registered/registered-converter.ts';
import { registryConfig } from '../registered/registry-config.ts';
import { subjectName } from '../registered/subject-name.ts';
import { avroFormat } from './avro-format.ts';

const avroConfig = define({
  'connect.meta.data': boolean({
    default: true,
    doc: 'Whether names, versions, documentation and defaults of schemas stand in the Avro schema, too',
    importance: 'low',
  }),
  'scrub.invalid.names': boolean({
    default: false,
    doc: 'Whether characters that names in Avro cannot have become underscores',
    importance: 'medium',
  }),
  'schemas.cache.config': int({
    default: 1000,
    doc: 'Kept for files written for Kafka Connect; the cache has a bound of its own',
    importance: 'low',
  }),
});

/** AvroConverter of Confluent: values in Avro, their schemas in a registry. */
export const avroConverter: ConverterClass = {
  className: 'io.confluent.connect.avro.AvroConverter',
  shortName: 'avro',
  config: merge(registryConfig, avroConfig),
  make(raw, { part, clock, registry }) {
    const config = parse(registryConfig, raw);
    const options = parse(avroConfig, raw);
    const format = avroFormat({ metadata: options['connect.meta.data'], scrubNames: options['scrub.invalid.names'] });
    return new RegisteredConverter(format, registry(config, 'AVRO'), subjectName(config, part), clock);
  },
};
