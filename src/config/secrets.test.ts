import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { masked, maskedValue, secretTexts, unmasked } from './secrets.ts';

const passwords = new Set(['token']);

const sql = (options: string): string =>
  `CREATE STREAM S (token STRING, n LONG) WITH (type = 'source', ${options});\nSELECT * FROM S WHERE token = 'USDC';`;

const shown: readonly (readonly [key: string, value: string, shown: string])[] = [
  ['token', 'abc', '******'],
  ['token', `\${env:TOKEN}`, `\${env:TOKEN}`],
  ['token', `x\${env:TOKEN}`, '******'],
  ['token', '', ''],
  ['websocket.url', 'wss://host/path?a=1', 'wss://host/path?a=1'],
  ['websocket.url', 'wss://me:pw@host/', 'wss://me:******@host/'],
  ['websocket.url', 'wss://me:p@w@host/', 'wss://me:******@host/'],
  ['websocket.url', 'wss://tok@host/', 'wss://******@host/'],
  ['websocket.url', `wss://me:\${file:/a:b}@host/`, `wss://me:\${file:/a:b}@host/`],
  ['websocket.url', 'wss://h/?symbol=btc&token=abc&x=1#f', 'wss://h/?symbol=btc&token=******&x=1#f'],
  ['websocket.url', 'wss://h/?api_key=abc;sig=def', 'wss://h/?api_key=******;sig=******'],
  ['websocket.url', 'wss://h/?keyboard=abc&monkey=1', 'wss://h/?keyboard=abc&monkey=1'],
  ['websocket.proxy', 'http://me:pw@proxy:80', 'http://me:******@proxy:80'],
  ['websocket.headers', 'X-A:b,Authorization: Bearer abc,Cookie:x', 'X-A:b,Authorization: ******,Cookie:******'],
  ['websocket.headers', 'X-Api-Key:abc', 'X-Api-Key:******'],
  ['http.header.Authorization', 'Bearer abc', '******'],
  ['http.header.X-Request-Source', 'me', 'me'],
  ['websocket.subscription.message', '{"op":"login","token":"abc","n":1}', '{"op":"login","token":"******","n":1}'],
  ['websocket.subscription.message', '{"auth": "a\\"b", "op": "x"}', '{"auth": "******", "op": "x"}'],
  ['websocket.subscription.message', 'LOGIN Bearer abcdef', 'LOGIN Bearer ******'],
  ['value.converter.basic.auth.user.info', 'me:pw', '******'],
  ['value.converter.basic.auth.credentials.source', 'USER_INFO', 'USER_INFO'],
  ['value.converter.schema.registry.url', 'http://a:b@one,http://c:d@two', 'http://a:******@one,http://c:******@two'],
  ['producer.override.sasl.jaas.config', 'x required password="p";', '******'],
  ['oauth.token.url', 'https://host/token', 'https://host/token'],
  ['oauth.client.secret', 'abc', '******'],
  ['websocket.tls.key', '/etc/key.pem', '/etc/key.pem'],
  ['websocket.tls.key', '-----BEGIN EC PRIVATE KEY-----\nabc', '******'],
  ['key.converter', 'a.B', 'a.B'],
  ['websocket.key.pointer', '/token', '/token'],
  ['http.basic.auth', 'true', 'true'],
  ['kafka.topic', 'tokens', 'tokens'],
  ['sql.text', sql("websocket.auth.token = 'abc'"), sql("websocket.auth.token = '******'")],
  ['sql.text', sql(`"Websocket.Auth.Token"='a''b, c'`), sql(`"Websocket.Auth.Token"='******'`)],
  ['sql.text', sql(`x = 1, websocket."auth" . token = "abc"`), sql(`x = 1, websocket."auth" . token = "******"`)],
  ['sql.text', sql(`'websocket.auth.token' = abc, y = 2`), sql(`'websocket.auth.token' = ******, y = 2`)],
  ['sql.text', sql("websocket.headers = 'X-A:1,X-Api-Key:abc'"), sql("websocket.headers = 'X-A:1,X-Api-Key:******'")],
  ['sql.text', sql(`"sse.headers.Authorization"='Bearer abc'`), sql(`"sse.headers.Authorization"='******'`)],
  ['sql.text', sql("sse.oauth2.client.secret='abc'"), sql("sse.oauth2.client.secret='******'")],
  ['sql.text', sql("websocket.url='wss://m:pw@h/?token=abc'"), sql("websocket.url='wss://m:******@h/?token=******'")],
  ['sql.text', sql(`m = '{"token":"abc","op":"x"}'`), sql(`m = '{"token":"******","op":"x"}'`)],
  ['sql.text', sql(`a.token = '\${env:TOKEN}'`), sql(`a.token = '\${env:TOKEN}'`)],
  ['sql.text', sql("a.token 'abc' b = 'x' c.token = 'def'"), sql("a.token '******' b = 'x' c.token = '******'")],
  ['sql.text', sql("a.token : 'abc'"), sql("a.token : '******'")],
  [
    'sql.text',
    sql("-- isn't a.token = 'abc'\n b.token = 'def'"),
    sql("-- isn't a.token = '******'\n b.token = '******'"),
  ],
  ['sql.text', sql("a = 1 /* b.token = 'abc', */"), sql("a = 1 /* b.token = '******', */")],
  ['sql.text', "-- WITH (\n-- a.token='abc')\nSELECT 1", "-- WITH (\n-- a.token='******')\nSELECT 1"],
  ['sql.text', '-- "a.token"=abc, b', '-- "a.token"=******, b'],
  ['sql.text', "-- a.token='abc", "-- a.token='******"],
  ['sql.text', "CREATE STREAM S (a LONG) WITH (a.token = 'abc", "CREATE STREAM S (a LONG) WITH (a.token = '******"],
  ['sql.text', "SELECT token FROM S WHERE token = 'abc'", "SELECT token FROM S WHERE token = 'abc'"],
];

for (const [key, value, wanted] of shown) {
  test(`${key}=${value} is shown as ${wanted}`, () => equal(maskedValue(key, value, passwords.has(key)), wanted));
}

for (const [key, value] of shown) {
  test(`${key}=${value}, sent back as it was shown, is what it was`, () => {
    const sent = masked({ [key]: value, 'other.key': '1' }, passwords);
    deepEqual(unmasked(sent, { [key]: value }, passwords), { ok: true, config: { [key]: value, 'other.key': '1' } });
  });
}

const before = {
  token: 'secret-1',
  'websocket.url': 'wss://me:secret-2@host/?token=secret-3&api_key=secret-4',
  'websocket.headers': 'Authorization:secret-5,X-A:1',
  'sql.text':
    "CREATE STREAM S (a LONG) WITH (a.token='it''s-7'); CREATE TABLE T (a LONG) WITH (a.token='secret-8', b='c');",
};

const edited: readonly (readonly [what: string, key: string, sent: string, kept: string | undefined])[] = [
  [
    'a URL with another path',
    'websocket.url',
    'wss://me:******@host/new?token=******',
    'wss://me:secret-2@host/new?token=secret-3',
  ],
  [
    'parameters in another order',
    'websocket.url',
    'wss://host/?api_key=******&token=******',
    'wss://host/?api_key=secret-4&token=secret-3',
  ],
  [
    'one secret replaced, one kept',
    'websocket.url',
    'wss://me:new@host/?token=******',
    'wss://me:new@host/?token=secret-3',
  ],
  [
    'an option of SQL, streams in another order',
    'sql.text',
    "CREATE TABLE T (a LONG) WITH (a.token='******'); CREATE STREAM s (a LONG) WITH (b=1, a.token = '******')",
    "CREATE TABLE T (a LONG) WITH (a.token='secret-8'); CREATE STREAM s (a LONG) WITH (b=1, a.token = 'it''s-7')",
  ],
  ['an option of SQL of another stream', 'sql.text', "CREATE STREAM U (a LONG) WITH (a.token='******')", undefined],
  ['a header added', 'websocket.headers', 'X-B:2,authorization:******', 'X-B:2,authorization:secret-5'],
  ['a parameter that was not there', 'websocket.url', 'wss://host/?password=******', undefined],
  ['a password that is kept, with blanks', 'token', ' ****** ', 'secret-1'],
  ['a key that had none', 'other.secret', '******', undefined],
  ['stars that hide nothing', 'kafka.topic', '******', '******'],
];

for (const [what, key, sent, kept] of edited) {
  test(`${what}: the secrets stay, or there is none to keep`, () => {
    const result = unmasked({ [key]: sent }, before, passwords);
    deepEqual(result, kept === undefined ? { ok: false, key } : { ok: true, config: { [key]: kept } });
  });
}

test('texts to look for: whole values, parts, and how they look out of a URL', () => {
  const config = {
    ...before,
    'websocket.proxy': 'http://me:a%2Fb%40c@p',
    'http.header.Authorization': 'Bearer secret-6',
  };
  deepEqual(
    [...secretTexts(config, passwords)].sort(),
    [
      'Bearer secret-6',
      'a%2Fb%40c',
      "it''s-7",
      "it's-7",
      'secret-8',
      'a/b@c',
      'secret-1',
      'secret-2',
      'secret-3',
      'secret-4',
      'secret-5',
      'secret-6',
    ].sort(),
  );
});
