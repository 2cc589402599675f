import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../base/errors.ts';
import { readGatewaySettings } from './read-settings.ts';
import { authModes, gatewayDefaults } from './settings.ts';

test('nothing written is all defaults', () => {
  deepEqual(readGatewaySettings(undefined), gatewayDefaults);
});

test('what is written goes over the defaults, the rest of its section stays', () => {
  const { limits, v2, auth } = readGatewaySettings({
    limits: { queue: 1 },
    v2: { emitKey: false },
    auth: { mode: ['token', 'jwt'], tokens: [{ name: 'a', token: 'tok-alice-0123456789' }] },
  });
  equal(limits.queue, 1);
  equal(limits.subs, 64);
  equal(v2.emitKey, false);
  deepEqual(authModes(auth), ['token', 'jwt']);
});

const wrong: readonly (readonly [written: unknown, text: RegExp])[] = [
  [{ limts: {} }, /gateway\.limts: there is no such key\. Did you mean "limits"\?/],
  [{ limits: { queue: 'big' } }, /gateway\.limits\.queue: "big" must be a whole number/],
  [{ limits: 5 }, /gateway\.limits: 5 must be a section/],
  [{ v2: { offsetReset: 'largest' } }, /gateway\.v2\.offsetReset: "largest" must be one of latest, earliest/],
  [{ auth: { mode: 'basic' } }, /gateway\.auth\.mode: "basic" must be one of none, token, jwt/],
  [{ auth: { tokens: [{ name: 'a', token: 'short' }] } }, /auth\.tokens\[0\]\.token must have at least 16/],
  [{ auth: { tokens: [{ name: 'a' }] } }, /auth\.tokens\[0\] must have a "token"/],
  [{ acl: [{ who: ['*'], can: ['read'], topics: ['*'] }] }, /acl\[0\]\.can: "read" must be one of/],
  [{ acl: [{ whom: ['*'], who: [], can: [] }] }, /acl\[0\]\.whom: there is no such key\. Did you mean "who"\?/],
  [{ ingest: [{ name: 'a b' }] }, /ingest\[0\]\.name: "a b" must be a name/],
  [{ ingest: [{ name: 'a', key: 'cookie:x' }] }, /ingest\[0\]\.key: "cookie:x" must be none, session/],
  [
    { trustProxies: ['10.0.0.0/33'] },
    /gateway\.trustProxies\[0\]: "10\.0\.0\.0\/33" must be an IP address, or a subnet/,
  ],
  [{ trustProxies: ['::1', 'proxy.example'] }, /gateway\.trustProxies\[1\]: "proxy\.example" must be an IP address/],
  [{ trustProxies: ['::/129'] }, /trustProxies\[0\]/],
  [{ trustProxies: ['10.0.0.0/'] }, /trustProxies\[0\]/],
  [{ trustProxies: [7] }, /trustProxies\[0\]: 7 must be/],
  [{ tls: { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA' } }, /gateway\.tls\.ciphers: .*not broken: "RC4-SHA" is/],
  [{ tls: { ciphers: 'DES-CBC3-SHA' } }, /"DES-CBC3-SHA" is/],
  [{ tls: { ciphers: 'AES128-SHA:ECDHE-RSA-AES256-SHA384' } }, /gateway\.tls\.ciphers: .*all are in CBC mode/],
  [{ demo: 'yes' }, /gateway\.demo: "yes" must be true or false/],
];

for (const [written, text] of wrong) {
  test(`${JSON.stringify(written)} is refused by name`, () =>
    throws(
      () => readGatewaySettings(written),
      (error) => isError(error, 'CONFIG_INVALID') && text.test(error.message),
    ));
}

test('subnets and suites that are right are taken', () => {
  const trustProxies = ['127.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/8'];
  deepEqual(readGatewaySettings({ trustProxies }).trustProxies, trustProxies);
  for (const ciphers of [
    '',
    'HIGH:!aNULL:!MD5:!RC4',
    'ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA',
    'TLS_AES_128_GCM_SHA256',
  ])
    equal(readGatewaySettings({ tls: { ciphers } }).tls?.ciphers, ciphers);
});

test('a wrong token is not quoted', () => {
  throws(
    () => readGatewaySettings({ auth: { jwt: { secret: 12345 } } }),
    (error) => isError(error, 'CONFIG_INVALID') && !error.message.includes('12345'),
  );
});

test('an ingest route writes to the topic of its name unless it says otherwise', () => {
  deepEqual(
    readGatewaySettings({ ingest: [{ name: 'clicks' }, { name: 'x', topic: 'y' }] }).ingest.map(({ topic }) => topic),
    ['clicks', 'y'],
  );
});
