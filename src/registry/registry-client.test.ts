import { deepEqual, equal, match, rejects, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestRegistry } from '../../test/support/schema-registry.ts';
import { systemClock } from '../base/clock.ts';
import { isError, TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Converter, ConverterContext } from '../convert/converter.ts';
import { findConverter } from '../convert/converters.ts';
import { type OutboundPolicy, publicOnly, unrestricted } from '../net/outbound-policy.ts';
import { type Schema, STRING } from '../record/schema.ts';
import { RegistryClient } from './registry-client.ts';

const trade: Schema = {
  type: 'struct',
  optional: false,
  name: 'com.acme.Trade',
  fields: [{ name: 's', schema: STRING }],
};
const wider: Schema = {
  ...trade,
  fields: [...trade.fields!, { name: 'n', schema: { type: 'int32', optional: true } }],
};
const narrower: Schema = { ...trade, fields: [{ name: 'other', schema: STRING }] };

function avro(
  config: RawConfig,
  part: ConverterContext['part'] = 'value',
  outbound: OutboundPolicy = unrestricted,
): Converter {
  return findConverter('AvroConverter')!.make(config, {
    part,
    clock: systemClock,
    registry: (options, type) => new RegistryClient(options, type, outbound),
  });
}

async function idOf(converter: Converter, schema: Schema, value: unknown, topic = 't'): Promise<number> {
  await converter.prepare?.(topic, schema);
  return Buffer.from(converter.toBytes(topic, schema, value)!).readInt32BE(1);
}

async function failureOf(converter: Converter, schema: Schema = trade): Promise<TributaryError> {
  await converter.prepare?.('t', schema);
  try {
    converter.toBytes('t', schema, { s: 'x', other: 'y' });
  } catch (error) {
    if (error instanceof TributaryError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

test('a schema is registered once, and found again by identity and by text', async () => {
  await using registry = await new TestRegistry().listen();
  const converter = avro({ 'schema.registry.url': registry.url });
  equal(await idOf(converter, trade, { s: 'a' }), 1);
  equal(converter.prepare?.('t', trade), undefined);
  equal(await idOf(converter, { ...trade }, { s: 'b' }), 1);
  equal(await idOf(converter, wider, { s: 'c', n: 1 }), 2);
  deepEqual(
    registry.requests.map(({ method, url }) => `${method} ${url}`),
    ['POST /subjects/t-value/versions', 'POST /subjects/t-value/versions'],
  );
  equal(converter.toBytes('t', trade, null), null);
});

describe('subjects', () => {
  const strategies = 'io.confluent.kafka.serializers.subject';
  for (const [part, config, subject] of [
    ['value', {}, 't-value'],
    ['key', {}, 't-key'],
    ['value', { 'value.subject.name.strategy': `${strategies}.RecordNameStrategy` }, 'com.acme.Trade'],
    ['key', { 'key.subject.name.strategy': `${strategies}.TopicRecordNameStrategy` }, 't-com.acme.Trade'],
    ['value', { 'key.subject.name.strategy': `${strategies}.RecordNameStrategy` }, 't-value'],
  ] as const) {
    test(`${part} ${JSON.stringify(config)} is ${subject}`, async () => {
      await using registry = await new TestRegistry().listen();
      await idOf(avro({ 'schema.registry.url': registry.url, ...config }, part), trade, { s: 'a' });
      deepEqual(registry.subjects(), [subject]);
    });
  }

  test('a schema without a name has none', async () => {
    await using registry = await new TestRegistry().listen();
    const config = { 'schema.registry.url': registry.url, 'value.subject.name.strategy': 'RecordNameStrategy' };
    match((await failureOf(avro(config), STRING)).message, /only structs have a name/);
  });
});

describe('without registering', () => {
  test('a schema that is there is found, another one is a data error', async () => {
    await using registry = await new TestRegistry().listen();
    await idOf(avro({ 'schema.registry.url': registry.url }), trade, { s: 'a' });
    const converter = avro({ 'schema.registry.url': registry.url, 'auto.register.schemas': 'false' });
    equal(await idOf(converter, trade, { s: 'a' }), 1);
    const error = await failureOf(converter, wider);
    equal(error.code, 'CONVERSION_FAILED');
    equal(error.retriable, false);
    match(error.message, /subject "t-value" \(error 40403\): Schema not found/);
  });

  test('the latest version decides about the form', async () => {
    await using registry = await new TestRegistry().listen();
    await idOf(avro({ 'schema.registry.url': registry.url }), wider, { s: 'a', n: 1 });
    const config = {
      'schema.registry.url': registry.url,
      'auto.register.schemas': 'false',
      'use.latest.version': 'true',
    };
    const converter = avro(config);
    await converter.prepare?.('t', trade);
    // "x" and, for the field that only the latest has, null.
    deepEqual([...converter.toBytes('t', trade, { s: 'x' })!], [0, 0, 0, 0, 1, 2, 120, 0]);
  });

  test('one id may be for all', async () => {
    await using registry = await new TestRegistry().listen();
    await idOf(avro({ 'schema.registry.url': registry.url }), trade, { s: 'a' });
    const config = { 'schema.registry.url': registry.url, 'auto.register.schemas': 'false', 'use.schema.id': '1' };
    equal(await idOf(avro(config), trade, { s: 'a' }, 'other'), 1);
    deepEqual(registry.subjects(), ['t-value']);
  });

  test('both at once are refused', () => {
    const config = { 'schema.registry.url': 'http://127.0.0.1:1', 'use.latest.version': 'true' };
    throws(
      () => avro(config),
      (error) => isError(error, 'CONFIG_INVALID'),
    );
  });
});

describe('logins', () => {
  const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="key" password="s\\"cret";';
  for (const [what, login, config] of [
    ['USER_INFO', 'key:s"cret', { 'basic.auth.credentials.source': 'USER_INFO', 'basic.auth.user.info': 'key:s"cret' }],
    ['SASL_INHERIT', 'key:s"cret', { 'basic.auth.credentials.source': 'SASL_INHERIT', 'sasl.jaas.config': jaas }],
    ['a bearer token', 'Bearer tok', { 'bearer.auth.token': 'tok' }],
  ] as const) {
    test(what, async () => {
      await using registry = await new TestRegistry({ login }).listen();
      equal(await idOf(avro({ 'schema.registry.url': registry.url, ...config }), trade, { s: 'a' }), 1);
    });
  }

  test('in the URL', async () => {
    await using registry = await new TestRegistry({ login: 'key:s@cret' }).listen();
    const url = registry.url.replace('//', '//key:s%40cret@');
    equal(await idOf(avro({ 'schema.registry.url': url }), trade, { s: 'a' }), 1);
  });

  test('a wrong one is an error that no retry helps, and that does not show it', async () => {
    await using registry = await new TestRegistry({ login: 'key:right' }).listen();
    const config = { 'basic.auth.credentials.source': 'USER_INFO', 'basic.auth.user.info': 'key:canary' };
    const error = await failureOf(avro({ 'schema.registry.url': registry.url, ...config }));
    equal(error.code, 'AUTHENTICATION_FAILED');
    equal(error.retriable, false);
    equal(/canary/.test(JSON.stringify([error.message, String(error.cause)])), false);
  });

  test('one without a colon is refused at the start', () => {
    const config = { 'basic.auth.credentials.source': 'USER_INFO', 'basic.auth.user.info': 'canary' };
    throws(() => avro({ 'schema.registry.url': 'http://h', ...config }), /\[hidden\].*must be user:password/);
  });
});

describe('trouble', () => {
  test('a registry that is down can be tried again', async () => {
    const error = await failureOf(avro({ 'schema.registry.url': 'http://127.0.0.1:1' }));
    equal(error.code, 'CONNECTION_FAILED');
    equal(error.retriable, true);
  });

  test('once it is back, the next try succeeds', async () => {
    await using registry = await new TestRegistry().listen();
    registry.broken = 503;
    const converter = avro({ 'schema.registry.url': registry.url });
    const error = await failureOf(converter);
    equal(error.retriable, true);
    match(error.message, /answered 503 .*broken on purpose/);
    registry.broken = undefined;
    equal(await idOf(converter, trade, { s: 'a' }), 1);
  });

  test('of several URLs the next is asked, and the one that answered stays the first', async () => {
    await using registry = await new TestRegistry().listen();
    await using second = await new TestRegistry().listen();
    registry.broken = 500;
    const converter = avro({ 'schema.registry.url': `${registry.url},${second.url}` });
    await idOf(converter, trade, { s: 'a' });
    await idOf(converter, wider, { s: 'a', n: null });
    deepEqual([registry.requests.length, second.requests.length], [1, 2]);
  });

  test('a schema that does not fit its subject is a data error, and not sent with every record', async () => {
    await using registry = await new TestRegistry().listen();
    const converter = avro({ 'schema.registry.url': registry.url });
    await idOf(converter, trade, { s: 'a' });
    const error = await failureOf(converter, narrower);
    equal(error.code, 'CONVERSION_FAILED');
    equal(error.retriable, false);
    match(error.message, /error 409.*incompatible/);
    await failureOf(converter, narrower);
    equal(registry.requests.length, 2);
  });

  test('a value without a schema says what helps', () => {
    throws(() => avro({ 'schema.registry.url': 'http://h' }).toBytes('t', null, { a: 1 }), /it has none.*HoistField/);
  });

  test('connectors may not ask where they may not connect to', async () => {
    await using registry = await new TestRegistry().listen();
    const error = await failureOf(avro({ 'schema.registry.url': registry.url }, 'value', publicOnly([])));
    equal(error.code, 'OUTBOUND_FORBIDDEN');
    equal(registry.requests.length, 0);
  });

  test('waiting ends when the task is stopped', async () => {
    const client = avro({ 'schema.registry.url': 'http://127.0.0.1:1' });
    const stopped = AbortSignal.abort();
    await client.prepare?.('t', trade, stopped);
    await rejects(async () => client.toBytes('t', trade, { s: 'a' }));
  });
});

test('options that cannot be are refused with their names', () => {
  for (const [config, text] of [
    [{}, /Missing required configuration "schema.registry.url"/],
    [{ 'schema.registry.url': 'localhost:8081' }, /schema.registry.url: must be http/],
    [{ 'schema.registry.url': 'http://h', 'value.subject.name.strategy': 'x.Mine' }, /It is one of TopicNameStrategy/],
    [{ 'schema.registry.url': 'http://h', 'schema.registry.ssl.truststore.type': 'JKS' }, /only PEM is read here/],
  ] as const) {
    throws(
      () => avro(config),
      (error) => isError(error, 'CONFIG_INVALID') && text.test(error.message),
    );
  }
});
