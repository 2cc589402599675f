/** What is read and written around the upgrade: extensions, refusals, proxies, masked texts. */
import { deepEqual, equal } from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import { hostHeader, maskUrl, sameEndpoint } from '../../net/endpoint.ts';
import { proxyFor } from '../../net/proxy.ts';
import { retryAfterMs } from '../../net/retry-after.ts';
import { masker, preview } from '../../telemetry/mask.ts';
import { readExtensions } from './compression.ts';
import { readRefusal } from './refusal.ts';
import { targetOf } from './url.ts';

describe('extensions', () => {
  for (const [header, deflate] of [
    [undefined, null],
    ['', null],
    ['permessage-deflate', { noContextTakeover: false, windowBits: 15 }],
    ['permessage-deflate; server_no_context_takeover', { noContextTakeover: true, windowBits: 15 }],
    ['permessage-deflate; server_max_window_bits=10', { noContextTakeover: false, windowBits: 10 }],
    [
      'permessage-deflate; server_max_window_bits="8"; client_no_context_takeover',
      { noContextTakeover: false, windowBits: 9 },
    ],
    ['permessage-deflate; client_max_window_bits=12', { noContextTakeover: false, windowBits: 15 }],
  ] as const) {
    test(`${header} is agreed`, () => deepEqual(readExtensions(header, true), { ok: true, deflate }));
  }
  for (const header of [
    'x-webkit-deflate-frame',
    'permessage-deflate, permessage-deflate',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; nonsense',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  ]) {
    test(`${header} is refused`, () => equal(readExtensions(header, true).ok, false));
  }
  test('nothing is agreed that was not offered', () => equal(readExtensions('permessage-deflate', false).ok, false));
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  for (const [header, wantedMs] of [
    ['0', 0],
    ['7', 7000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ] as const) {
    test(`${header} is ${wantedMs} ms`, () => equal(retryAfterMs(header, now), wantedMs));
  }
});

describe('redirects', () => {
  const refusal = (location: string, url = 'ws://a.example/x') =>
    readRefusal(
      { statusCode: 302, statusMessage: 'Found', headers: { location } } as unknown as IncomingMessage,
      url,
      0,
    );
  for (const [location, url, wanted] of [
    ['/y?q=1', 'ws://a.example/x', 'ws://a.example/y?q=1'],
    ['http://b.example/', 'ws://a.example/x', 'ws://b.example/'],
    ['wss://b.example/z#f', 'ws://a.example/x', 'wss://b.example/z'],
    ['https://b.example/', 'wss://a.example/x', 'wss://b.example/'],
  ] as const) {
    test(`${location} is followed`, () => equal(refusal(location, url).location, wanted));
  }
  test('to plain text is refused', () => {
    equal(refusal('http://a.example/', 'wss://a.example/').problem, 'a redirect from wss to ws');
  });
  test('to something else is refused', () => {
    equal(refusal('ftp://a.example/').problem, 'a redirect to what is no WebSocket URL');
  });
  test('credentials stay with scheme, host and port', () => {
    const same = (a: string, b: string): boolean => sameEndpoint(targetOf(a), targetOf(b));
    equal(same('ws://A.example/x', 'ws://a.example:80/y'), true);
    equal(same('ws://a.example/', 'ws://a.example:81/'), false);
    equal(same('ws://a.example/', 'wss://a.example/'), false);
    equal(same('ws://a.example/', 'ws://b.example/'), false);
  });
});

describe('targets', () => {
  for (const [url, host, port, path, header] of [
    ['ws://h', 'h', 80, '/', 'h'],
    ['wss://h/a%20b?x=1#f', 'h', 443, '/a%20b?x=1', 'h'],
    ['ws://[::1]:8080/../a', '::1', 8080, '/../a', '[::1]:8080'],
    ['ws://h?q=ü', 'h', 80, '/?q=%C3%BC', 'h'],
  ] as const) {
    test(url, () => {
      const target = targetOf(url);
      deepEqual([target.host, target.port, target.path, hostHeader(target)], [host, port, path, header]);
    });
  }
});

describe('the proxy of the environment', () => {
  const environment = {
    HTTPS_PROXY: 'http://p:1',
    http_proxy: 'q:2',
    NO_PROXY: 'skip.example, .inner.example,port.example:81',
  };
  for (const [url, setting, wanted] of [
    ['wss://a.example/', null, null],
    ['wss://a.example/', 'http://own:3', 'http://own:3'],
    ['wss://a.example/', 'environment', 'http://p:1'],
    ['ws://a.example/', 'environment', 'http://q:2'],
    ['wss://skip.example/', 'environment', null],
    ['wss://a.skip.example/', 'environment', null],
    ['wss://noskip.example/', 'environment', 'http://p:1'],
    ['wss://x.inner.example/', 'environment', null],
    ['wss://port.example/', 'environment', 'http://p:1'],
    ['wss://port.example:81/', 'environment', null],
  ] as const) {
    test(`${url} with ${setting} goes through ${wanted}`, () =>
      equal(proxyFor(targetOf(url), setting, environment), wanted));
  }
});

describe('what must not be shown is masked', () => {
  for (const [message, shown] of [
    ['{"op":"subscribe","args":["trade"]}', '{"op":"subscribe","args":["trade"]}'],
    ['{"op":"subscribe","token":"abc","api_key": "k"}', '{"op":"subscribe","token":"***","api_key": "***"}'],
    ['{"secret":12345}', '{"secret":"***"}'],
    ['{"op":"authKeyExpires","args":["key",1,"sig"]}', '***'],
    ['login user pw', '***'],
    ['x'.repeat(200), 'x'.repeat(100)],
  ] as const) {
    test(message.slice(0, 50), () => equal(preview(message), shown));
  }
  test('secrets are cut out of any text', () => {
    equal(masker(['hunter2', 'ab'])('no hunter2\nfor ab'), 'no *** for ab');
  });
  test('URLs lose user, password and the values of their query', () => {
    equal(maskUrl('wss://u:p@h/a?x=1&token=t#f'), 'wss://***@h/a?x=***&token=***');
  });
});
