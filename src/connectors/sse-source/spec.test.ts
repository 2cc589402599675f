import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { validate } from '../../config/config-def.ts';
import { configInfos } from '../../config/config-infos.ts';
import { settingsOf } from './settings.ts';
import { config } from './spec.ts';

const minimal = { 'sse.uri': 'http://127.0.0.1/', topic: 't' };

test('the options of the original stand first, with their types, defaults and importance', () => {
  const infos = configInfos('c', validate(config, minimal));
  const shown = infos.configs.map(({ definition }) => definition!);
  deepEqual(
    shown
      .slice(0, 11)
      .map(({ name, type, required, default_value, importance }) => [name, type, required, default_value, importance]),
    [
      ['sse.uri', 'STRING', true, null, 'HIGH'],
      ['topic', 'STRING', true, null, 'HIGH'],
      ['http.basic.auth', 'BOOLEAN', false, 'false', 'MEDIUM'],
      ['http.basic.auth.username', 'STRING', false, null, 'MEDIUM'],
      ['http.basic.auth.password', 'PASSWORD', false, null, 'MEDIUM'],
      ['compression.enabled', 'BOOLEAN', false, 'true', 'LOW'],
      ['rate.limit.requests.per.second', 'DOUBLE', false, null, 'LOW'],
      ['rate.limit.max.concurrent', 'INT', false, null, 'LOW'],
      ['retry.backoff.initial.ms', 'LONG', false, '2000', 'LOW'],
      ['retry.backoff.max.ms', 'LONG', false, '30000', 'LOW'],
      ['retry.max.attempts', 'INT', false, '-1', 'LOW'],
    ],
  );
  for (const { name, group, order, width, display_name } of shown) {
    deepEqual([group, order, width, display_name], ['', -1, 'NONE', name]);
  }
  deepEqual(infos.groups, ['']);
});

describe('validation', () => {
  const errorsOf = (changes: Record<string, string>): string[] =>
    validate(config, { ...minimal, ...changes }).flatMap(({ errors }) => errors);
  for (const values of [
    { 'sse.uri': '' },
    { 'sse.uri': 'not a uri' },
    { topic: '' },
    { 'rate.limit.requests.per.second': 'NaN' },
    { 'retry.max.attempts': '-9' },
    { 'retry.backoff.initial.ms': '-1' },
    { 'sse.proxy': 'environment' },
    { 'sse.fatal.http.statuses': '' },
  ] as readonly Record<string, string>[]) {
    test(`${JSON.stringify(values)} passes`, () => deepEqual(errorsOf(values), []));
  }
  for (const [values, problem] of [
    [{ 'rate.limit.max.concurrent': '1.5' }, /Not a number of type INT/],
    [{ 'http.basic.auth': 'yes' }, /Expected value to be either true or false/],
    [{ 'sse.resume': 'always' }, /String must be one of: last-event-id, none/],
    [{ 'sse.headers': 'id,date' }, /"date" is none of id, event, origin/],
    [{ 'sse.overflow': 'drop' }, /String must be one of/],
    [{ 'sse.proxy': 'localhost:3128' }, /Must be a URL/],
    [{ 'sse.fatal.http.statuses': '999' }, /"999" is not a HTTP status/],
    [{ 'sse.event.max.bytes': '0' }, /at least 1/],
  ] as const) {
    test(`${JSON.stringify(values)} does not`, () => match(errorsOf(values).join(), problem));
  }
});

test('secrets are known, wherever they stand', () => {
  const { secrets, headers } = settingsOf({
    'sse.uri': 'https://user:url-pass@h/?token=query-token&x=1',
    topic: 't',
    'http.basic.auth': 'true',
    'http.basic.auth.username': 'u',
    'http.basic.auth.password': 'basic-pass',
    'http.header.X-Api-Key': 'header-key',
    'http.header.X-Plain': 'plain',
    'sse.param.api_key': 'param&key',
    'sse.proxy': 'http://a:proxy-pass@p/',
    'sse.oauth2.client.secret': 'client-secret',
    'sse.tls.passphrase': 'tls-pass',
  });
  const wanted = ['url-pass', 'query-token', 'basic-pass', 'header-key', 'param&key', 'param%26key', 'proxy-pass'];
  for (const secret of [...wanted, 'client-secret', 'tls-pass']) equal(secrets.includes(secret), true, secret);
  equal(secrets.includes('plain'), false);
  equal(secrets.includes(headers.find(([name]) => name === 'Authorization')![1]), true);
});
