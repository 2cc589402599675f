/** Options of the schema registry, as Confluent's converters name them. */
import { type Config, define } from '../../config/config-def.ts';
import { boolean, int, list, oneOf, password, string } from '../../config/option.ts';

const topicName = 'io.confluent.kafka.serializers.subject.TopicNameStrategy';
const strategies = ['TopicNameStrategy', 'RecordNameStrategy', 'TopicRecordNameStrategy'];

export const registryConfig = define({
  'schema.registry.url': list({
    doc: 'URLs of the schema registry. Where one does not answer, the next is asked',
    importance: 'high',
    validate: (urls) => {
      const wrong = urls?.find((url) => !/^https?:\/\/[^/]/.test(url));
      if (urls !== null && urls.length === 0) return 'Empty list';
      return wrong === undefined ? undefined : 'must be http:// or https:// URLs';
    },
  }),
  'auto.register.schemas': boolean({
    default: true,
    doc: 'Whether schemas that the registry does not have are registered',
  }),
  'use.latest.version': boolean({
    default: false,
    doc: "Whether values are written in the form of the subject's latest schema. Needs auto.register.schemas=false",
    importance: 'low',
  }),
  'use.schema.id': int({
    default: -1,
    doc: 'Id of the schema in whose form all values are written, -1 for none. Needs auto.register.schemas=false',
    importance: 'low',
  }),
  'normalize.schemas': boolean({ default: false, doc: 'Whether the registry normalizes schemas' }),
  'key.subject.name.strategy': strategy('keys'),
  'value.subject.name.strategy': strategy('values'),
  'basic.auth.credentials.source': string({
    default: 'URL',
    doc: 'Where user and password are: URL (in schema.registry.url), USER_INFO (basic.auth.user.info) or SASL_INHERIT (sasl.jaas.config)',
    validate: oneOf(['URL', 'USER_INFO', 'SASL_INHERIT'], { ignoreCase: true }),
  }),
  'basic.auth.user.info': password({ default: '', doc: 'user:password for USER_INFO' }),
  'sasl.jaas.config': password({
    default: null,
    doc: 'Login of the Kafka client, for SASL_INHERIT',
    importance: 'low',
  }),
  'bearer.auth.credentials.source': string({
    default: 'STATIC_TOKEN',
    doc: 'Where the bearer token comes from: STATIC_TOKEN',
    validate: oneOf(['STATIC_TOKEN'], { ignoreCase: true }),
  }),
  'bearer.auth.token': password({ default: null, doc: 'Bearer token for the registry' }),
  'schema.registry.ssl.truststore.type': pemType('ssl.truststore'),
  'schema.registry.ssl.truststore.location': string({ default: null, doc: 'PEM file of the certificates to trust' }),
  'schema.registry.ssl.truststore.certificates': password({ default: null, doc: 'Certificates to trust, as PEM' }),
  'schema.registry.ssl.keystore.type': pemType('ssl.keystore'),
  'schema.registry.ssl.keystore.location': string({ default: null, doc: 'PEM file of our certificate and its key' }),
  'schema.registry.ssl.keystore.certificate.chain': password({ default: null, doc: 'Our certificate, as PEM' }),
  'schema.registry.ssl.keystore.key': password({ default: null, doc: 'The key of our certificate, as PEM' }),
  'schema.registry.ssl.key.password': password({ default: null, doc: 'Password of that key' }),
  'proxy.host': string({ default: '', doc: 'Host of an HTTP proxy', importance: 'low' }),
  'proxy.port': int({ default: -1, doc: 'Port of the HTTP proxy', importance: 'low' }),
  'http.read.timeout.ms': int({
    default: 60_000,
    min: 1,
    doc: 'For a whole request, in milliseconds; each URL is given as much',
    importance: 'low',
  }),
});

export type RegistryConfig = Config<typeof registryConfig>;

function strategy(what: string) {
  return string({
    default: topicName,
    doc: `How the subject for ${what} is named: by topic (TopicNameStrategy), by record (RecordNameStrategy), by both (TopicRecordNameStrategy)`,
    validate: (value) =>
      value !== null && strategies.includes(value.slice(value.lastIndexOf('.') + 1))
        ? undefined
        : `Class ${value} could not be found. It is one of ${strategies.join(', ')}`,
  });
}

/** Java's own key stores cannot be read here. */
function pemType(what: string) {
  return string({
    default: 'PEM',
    doc: `Form of the ${what}: PEM`,
    validate: (value) =>
      value?.toUpperCase() === 'PEM'
        ? undefined
        : 'only PEM is read here; keytool and openssl turn a key store into it',
  });
}
