/**
 * Options of Kafka's own clients, for `producer.override.…`, `consumer.override.…` and `admin.override.…`: their names,
 * types, defaults and importance, as Kafka Connect checks and shows them.
 */

import { TributaryError } from '../base/errors.ts';
import type { ConfigDef, Options } from '../config/config-def.ts';
import type { ShownValue } from '../config/config-infos.ts';
import { javaHashOrder } from '../config/java-hash-order.ts';
import type { Importance, Option, OptionType } from '../config/option.ts';
import { parseValue } from '../config/parse-value.ts';
import type { RawConfigWithNulls } from '../config/raw.ts';

export type ClientKind = 'producer' | 'consumer' | 'admin';

/**
 * What a configuration overrides of a client. Kafka Connect parses the values and checks nothing else: INVALID_CONFIG
 * where one cannot be parsed.
 */
export function clientOverrides(kind: ClientKind, raw: RawConfigWithNulls): ShownValue[] {
  const prefix = `${kind}.override.`;
  const { options } = definitions[kind];
  const names = Object.keys(raw)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  return javaHashOrder(names).map((name) => {
    const option = options[name] ?? null;
    const written = raw[prefix + name] ?? null;
    const parsed = parseValue(option?.type ?? 'STRING', written);
    if (!parsed.ok) {
      const shown = option?.type === 'PASSWORD' ? '[hidden]' : written;
      throw new TributaryError('INVALID_CONFIG', `Invalid value ${shown} for configuration ${name}: ${parsed.problem}`);
    }
    const shownOption = option === null ? null : { ...option, displayName: name };
    return { name: prefix + name, option: shownOption, value: option === null ? written : parsed.value, errors: [] };
  });
}

const shared = `
bootstrap.servers LIST HIGH
client.dns.lookup STRING MEDIUM use_all_dns_ips
client.id STRING MEDIUM ""
connections.max.idle.ms LONG MEDIUM 540000
enable.metrics.push BOOLEAN LOW true
metadata.max.age.ms LONG LOW 300000
metadata.recovery.rebootstrap.trigger.ms LONG LOW 300000
metadata.recovery.strategy STRING LOW rebootstrap
metric.reporters LIST LOW org.apache.kafka.common.metrics.JmxReporter
metrics.num.samples INT LOW 2
metrics.recording.level STRING LOW INFO
metrics.sample.window.ms LONG LOW 30000
receive.buffer.bytes INT MEDIUM 65536
reconnect.backoff.max.ms LONG LOW 1000
reconnect.backoff.ms LONG LOW 50
request.timeout.ms INT MEDIUM 30000
retry.backoff.max.ms LONG LOW 1000
retry.backoff.ms LONG LOW 100
sasl.client.callback.handler.class CLASS MEDIUM null
sasl.jaas.config PASSWORD MEDIUM null
sasl.kerberos.kinit.cmd STRING LOW /usr/bin/kinit
sasl.kerberos.min.time.before.relogin LONG LOW 60000
sasl.kerberos.service.name STRING MEDIUM null
sasl.kerberos.ticket.renew.jitter DOUBLE LOW 0.05
sasl.kerberos.ticket.renew.window.factor DOUBLE LOW 0.8
sasl.login.callback.handler.class CLASS MEDIUM null
sasl.login.class CLASS MEDIUM null
sasl.login.connect.timeout.ms INT LOW null
sasl.login.read.timeout.ms INT LOW null
sasl.login.refresh.buffer.seconds SHORT LOW 300
sasl.login.refresh.min.period.seconds SHORT LOW 60
sasl.login.refresh.window.factor DOUBLE LOW 0.8
sasl.login.refresh.window.jitter DOUBLE LOW 0.05
sasl.login.retry.backoff.max.ms LONG LOW 10000
sasl.login.retry.backoff.ms LONG LOW 100
sasl.mechanism STRING MEDIUM GSSAPI
sasl.oauthbearer.clock.skew.seconds INT LOW 30
sasl.oauthbearer.expected.audience LIST LOW null
sasl.oauthbearer.expected.issuer STRING LOW null
sasl.oauthbearer.jwks.endpoint.url STRING MEDIUM null
sasl.oauthbearer.scope.claim.name STRING LOW scope
sasl.oauthbearer.sub.claim.name STRING LOW sub
sasl.oauthbearer.token.endpoint.url STRING MEDIUM null
security.protocol STRING MEDIUM PLAINTEXT
security.providers STRING LOW null
send.buffer.bytes INT MEDIUM 131072
socket.connection.setup.timeout.max.ms LONG MEDIUM 30000
socket.connection.setup.timeout.ms LONG MEDIUM 10000
ssl.cipher.suites LIST LOW null
ssl.enabled.protocols LIST MEDIUM TLSv1.2,TLSv1.3
ssl.endpoint.identification.algorithm STRING LOW https
ssl.engine.factory.class CLASS LOW null
ssl.key.password PASSWORD HIGH null
ssl.keymanager.algorithm STRING LOW SunX509
ssl.keystore.certificate.chain PASSWORD HIGH null
ssl.keystore.key PASSWORD HIGH null
ssl.keystore.location STRING HIGH null
ssl.keystore.password PASSWORD HIGH null
ssl.keystore.type STRING MEDIUM JKS
ssl.protocol STRING MEDIUM TLSv1.3
ssl.provider STRING MEDIUM null
ssl.secure.random.implementation STRING LOW null
ssl.trustmanager.algorithm STRING LOW PKIX
ssl.truststore.certificates PASSWORD HIGH null
ssl.truststore.location STRING HIGH null
ssl.truststore.password PASSWORD HIGH null
ssl.truststore.type STRING MEDIUM JKS
`;

const own: Readonly<Record<ClientKind, string>> = {
  producer: `
acks STRING LOW all
batch.size INT MEDIUM 16384
buffer.memory LONG HIGH 33554432
compression.gzip.level INT MEDIUM -1
compression.lz4.level INT MEDIUM 9
compression.type STRING HIGH none
compression.zstd.level INT MEDIUM 3
delivery.timeout.ms INT MEDIUM 120000
enable.idempotence BOOLEAN LOW true
interceptor.classes LIST LOW ""
key.serializer CLASS HIGH
linger.ms LONG MEDIUM 5
max.block.ms LONG MEDIUM 60000
max.in.flight.requests.per.connection INT LOW 5
max.request.size INT MEDIUM 1048576
metadata.max.idle.ms LONG LOW 300000
partitioner.adaptive.partitioning.enable BOOLEAN LOW true
partitioner.availability.timeout.ms LONG LOW 0
partitioner.class CLASS MEDIUM null
partitioner.ignore.keys BOOLEAN MEDIUM false
receive.buffer.bytes INT MEDIUM 32768
retries INT HIGH 2147483647
transaction.timeout.ms INT LOW 60000
transaction.two.phase.commit.enable BOOLEAN LOW false
transactional.id STRING LOW null
value.serializer CLASS HIGH
`,
  consumer: `
allow.auto.create.topics BOOLEAN MEDIUM true
auto.commit.interval.ms INT LOW 5000
auto.offset.reset STRING MEDIUM latest
check.crcs BOOLEAN LOW true
client.rack STRING LOW ""
default.api.timeout.ms INT MEDIUM 60000
enable.auto.commit BOOLEAN MEDIUM true
exclude.internal.topics BOOLEAN MEDIUM true
fetch.max.bytes INT MEDIUM 52428800
fetch.max.wait.ms INT LOW 500
fetch.min.bytes INT HIGH 1
group.id STRING HIGH null
group.instance.id STRING MEDIUM null
group.protocol STRING HIGH classic
group.remote.assignor STRING MEDIUM null
heartbeat.interval.ms INT HIGH 3000
interceptor.classes LIST LOW ""
isolation.level STRING MEDIUM read_uncommitted
key.deserializer CLASS HIGH
max.partition.fetch.bytes INT HIGH 1048576
max.poll.interval.ms INT MEDIUM 300000
max.poll.records INT MEDIUM 500
partition.assignment.strategy LIST MEDIUM org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor
session.timeout.ms INT HIGH 45000
value.deserializer CLASS HIGH
`,
  admin: `
bootstrap.controllers LIST HIGH ""
connections.max.idle.ms LONG MEDIUM 300000
default.api.timeout.ms INT MEDIUM 60000
retries INT LOW 2147483647
`,
};

const definitions: Readonly<Record<ClientKind, ConfigDef>> = {
  producer: definition('producer'),
  consumer: definition('consumer'),
  admin: definition('admin'),
};

/** A line is name, type, importance and default; without a default the option is required. */
function definition(kind: ClientKind): ConfigDef {
  const options: Record<string, Option<unknown>> = {};
  for (const line of `${shared}${own[kind]}`.split('\n')) {
    const [name, type, importance, value] = line.split(' ');
    if (name === undefined || name === '') continue;
    options[name] = option(kind, name, type as OptionType, importance as Importance, value);
  }
  return { options: options as Options };
}

function option(
  kind: ClientKind,
  name: string,
  type: OptionType,
  importance: Importance,
  value: string | undefined,
): Option<unknown> {
  const text = value === '""' ? '' : value;
  const parsed = text === undefined || text === 'null' ? null : parseValue(type, text);
  return {
    type,
    default: text === undefined ? undefined : parsed?.ok ? parsed.value : null,
    importance,
    doc: `"${name}" of Kafka's ${kind}`,
    group: null,
    order: -1,
    width: 'NONE',
    dependents: [],
  };
}
