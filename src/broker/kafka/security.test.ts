import { doesNotMatch, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isError } from '../../base/errors.ts';
import { Security, type TlsSettings } from './security.ts';

const isInvalidConfig = (error: unknown): boolean => isError(error, 'INVALID_CONFIG');

test('without settings there is neither TLS nor SASL', () => {
  const options = new Security(undefined, undefined).forConnection('host');
  equal(options.tls, undefined);
  equal(options.sasl, undefined);
});

test('an empty tls is TLS, with the host as server name unless it is an address', () => {
  const security = new Security(undefined, {});
  equal(security.forConnection('kafka.test').tlsServerName, 'kafka.test');
  equal(security.forConnection('10.0.0.1').tlsServerName, undefined);
  equal(security.forConnection('::1').tlsServerName, undefined);
  equal(security.forConnection('host').tls?.rejectUnauthorized, true);
});

test('a given server name wins', () => {
  equal(new Security(undefined, { servername: 'other' }).forConnection('host').tlsServerName, 'other');
});

for (const tls of [
  { ca: 'no pem' },
  { cert: '/etc/cert.pem' },
  { key: '-----BEGIN PRIVATE KEY-----\ngarbage' },
] as TlsSettings[]) {
  test(`${Object.keys(tls)[0]} that is no PEM is refused before any connection`, () => {
    throws(() => new Security(undefined, tls), isInvalidConfig);
  });
}

test('what may be shown of SASL holds no password', () => {
  const security = new Security({ mechanism: 'plain', username: 'alice', password: 'hunter2' }, undefined);
  doesNotMatch(inspect(security, { depth: 10 }), /hunter2/);
  equal(security.forConnection('host').sasl?.password, 'hunter2');
});

test('a mechanism that is none is refused', () => {
  const sasl = { mechanism: 'gssapi' as 'plain', username: 'a', password: 'b' };
  throws(() => new Security(sasl, undefined), isInvalidConfig);
});
