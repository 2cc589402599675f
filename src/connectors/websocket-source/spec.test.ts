import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { validate } from '../../config/config-def.ts';
import { configInfos } from '../../config/config-infos.ts';
import { settingsOf } from './settings.ts';
import { config } from './spec.ts';

const minimal = { 'websocket.url': 'ws://localhost/', 'kafka.topic': 't' };

function errorsOf(changes: Record<string, string>): string[] {
  return validate(config, { ...minimal, ...changes }).flatMap(({ errors }) => errors);
}

test('the options of the original stand first, with their types, defaults and importance', () => {
  const shown = configInfos('c', validate(config, minimal)).configs.map(({ definition }) => definition!);
  deepEqual(
    shown
      .slice(0, 11)
      .map(({ name, type, required, default_value, importance }) => [name, type, required, default_value, importance]),
    [
      ['websocket.url', 'STRING', true, null, 'HIGH'],
      ['kafka.topic', 'STRING', true, null, 'HIGH'],
      ['websocket.subscription.message', 'STRING', false, null, 'MEDIUM'],
      ['websocket.reconnect.enabled', 'BOOLEAN', false, 'true', 'MEDIUM'],
      ['websocket.reconnect.interval.ms', 'LONG', false, '5000', 'MEDIUM'],
      ['websocket.headers', 'STRING', false, null, 'LOW'],
      ['websocket.auth.token', 'PASSWORD', false, null, 'MEDIUM'],
      ['websocket.message.queue.size', 'INT', false, '10000', 'LOW'],
      ['websocket.connection.timeout.ms', 'LONG', false, '30000', 'LOW'],
      ['websocket.reconnect.max.attempts', 'INT', false, '-1', 'MEDIUM'],
      ['websocket.reconnect.backoff.max.ms', 'LONG', false, '60000', 'MEDIUM'],
    ],
  );
  for (const { name, group, order, width, display_name } of shown) {
    deepEqual([group, order, width, display_name], [null, -1, 'NONE', name]);
    equal(name === 'kafka.topic' || name.startsWith('websocket.'), true);
  }
});

test('nothing configured gives the errors of the original', () => {
  deepEqual(
    validate(config, {}).flatMap(({ errors }) => errors),
    [
      'Missing required configuration "websocket.url" which has no default value.',
      'Invalid value null for configuration websocket.url: WebSocket URL cannot be null',
      'Missing required configuration "kafka.topic" which has no default value.',
    ],
  );
});

describe('URLs', () => {
  for (const [url, problem] of [
    ['', 'WebSocket URL cannot be empty'],
    ['http://a.b', 'WebSocket URL must use ws:// or wss:// scheme, got: http'],
    ['https://a.b/c', 'WebSocket URL must use ws:// or wss:// scheme, got: https'],
    ['x', 'WebSocket URL must have a scheme (ws:// or wss://)'],
    ['//h/p', 'WebSocket URL must have a scheme (ws:// or wss://)'],
    ['ws:///p', 'WebSocket URL must have a valid host'],
    ['ws://my_host/', 'WebSocket URL must have a valid host'],
    ['ws://', 'Invalid WebSocket URL syntax: Expected authority at index 5: ws://'],
    ['ws://a b/', 'Invalid WebSocket URL syntax: Illegal character in authority at index 5: ws://a b/'],
  ] as const) {
    test(`${JSON.stringify(url)} is refused`, () => {
      deepEqual(errorsOf({ 'websocket.url': url }), [
        `Invalid value ${url} for configuration websocket.url: ${problem}`,
      ]);
    });
  }

  test('a blank URL counts as empty', () => {
    deepEqual(errorsOf({ 'websocket.url': '   ' }), [
      'Invalid value  for configuration websocket.url: WebSocket URL cannot be empty',
    ]);
  });

  for (const url of ['wss://a.b:99999/', 'ws://u:p@h/p?q=1#f', ' ws://a.b/ ', 'WSS://a.b', 'ws://[::1]:80/x']) {
    test(`${JSON.stringify(url)} is accepted`, () => deepEqual(errorsOf({ 'websocket.url': url }), []));
  }
});

describe('values that the original lets pass', () => {
  for (const [key, value] of [
    ['kafka.topic', ''],
    ['kafka.topic', 'bad topic/name'],
    ['websocket.subscription.message', '{not json'],
    ['websocket.headers', 'nocolon'],
    ['websocket.headers', 'a b:c'],
    ['websocket.message.queue.size', '0'],
    ['websocket.message.queue.size', '-1'],
    ['websocket.reconnect.interval.ms', '-1'],
    ['websocket.connection.timeout.ms', '-1'],
    ['websocket.reconnect.max.attempts', '-2'],
  ] as const) {
    test(`${key}=${value}`, () => deepEqual(errorsOf({ [key]: value }), []));
  }
});

describe('values that cannot be', () => {
  for (const [key, value, problem] of [
    ['websocket.message.queue.size', 'many', 'Not a number of type INT'],
    ['websocket.message.queue.size', '0x10', 'Not a number of type INT'],
    ['websocket.reconnect.interval.ms', 'abc', 'Not a number of type LONG'],
    ['websocket.reconnect.enabled', 'yes', 'Expected value to be either true or false'],
    ['websocket.binary', 'hex', 'String must be one of: bytes, text, drop'],
    ['websocket.overflow', 'spill', 'String must be one of: block, drop-oldest, drop-newest'],
    ['websocket.ping.interval.ms', '-1', 'Value must be at least 0'],
    ['websocket.key.pointer', 'data/s', 'A JSON pointer begins with "/"'],
    ['websocket.sequence.pointer', 'seq', 'A JSON pointer begins with "/"'],
    ['websocket.sequence.scope', 'session', 'String must be one of: feed, connection'],
    ['websocket.unsubscription.replace', 'unsubscribe', 'Must be two texts with "=" between them'],
    ['websocket.sequence.step', '0', 'Value must be at least 1'],
    ['websocket.dedupe.window', '-1', 'Value must be at least 0'],
  ] as const) {
    test(`${key}=${value}`, () => {
      deepEqual(errorsOf({ [key]: value }), [`Invalid value ${value} for configuration ${key}: ${problem}`]);
    });
  }

  test('a list is shown as Java prints it', () => {
    deepEqual(errorsOf({ 'websocket.fatal.close.codes': '1008,x' }), [
      'Invalid value [1008, x] for configuration websocket.fatal.close.codes: "x" is not a close code: must be a number from 1000 to 4999',
    ]);
  });

  test('a proxy is not shown', () => {
    deepEqual(errorsOf({ 'websocket.proxy': 'ftp://user:pw@h' }), [
      'Invalid value [hidden] for configuration websocket.proxy: Must be a URL with http://, https:// or socks5://, or the word environment',
    ]);
  });
});

describe('what passes validation and cannot run fails the start', () => {
  for (const [changes, message] of [
    [{ 'websocket.message.queue.size': '0' }, 'Cannot start with websocket.message.queue.size "0": must be at least 1'],
    [
      { 'websocket.connection.timeout.ms': '-5' },
      'Cannot start with websocket.connection.timeout.ms "-5": must be at least 0',
    ],
    [
      { 'websocket.gap.topic': 'gaps' },
      'Cannot start with websocket.gap.topic "gaps": websocket.sequence.pointer must say where the numbers stand',
    ],
    [
      { 'websocket.sequence.channel.pointer': '/c' },
      'Cannot start with websocket.sequence.channel.pointer "/c": websocket.sequence.pointer is missing',
    ],
    [
      { 'websocket.dedupe.pointer': '/id' },
      'Cannot start with websocket.dedupe.pointer "/id": websocket.dedupe.window must be at least 1',
    ],
    [
      {
        'websocket.sequence.pointer': '/s',
        'websocket.sequence.scope': 'connection',
        'websocket.dedupe.window': '10',
      },
      'Cannot start with websocket.dedupe.window "10": numbers of websocket.sequence.scope "connection" are no ids: websocket.dedupe.pointer must name some',
    ],
    [
      {
        'websocket.sequence.pointer': '/s',
        'websocket.sequence.channel.pointer': '/c',
        'websocket.sequence.channels.max': '10000',
        'websocket.dedupe.window': '1000000',
      },
      'Cannot start with websocket.dedupe.window "1000000": times websocket.sequence.channels.max 10000 must be at most 134217728',
    ],
    [
      { 'websocket.backfill.url': 'https://x/{from}/{to}' },
      'Cannot start with websocket.backfill.url: websocket.sequence.pointer must say where the numbers stand',
    ],
    [
      {
        'websocket.backfill.url': 'https://x/{from}/{to}',
        'websocket.sequence.pointer': '/s',
        'websocket.sequence.scope': 'connection',
      },
      'Cannot start with websocket.backfill.url: numbers of websocket.sequence.scope "connection" mean nothing outside of their connection',
    ],
    [
      {
        'websocket.backfill.url': 'https://x/{from}/{to}',
        'websocket.sequence.pointer': '/s',
        'websocket.sequence.channel.pointer': '/c',
      },
      'Cannot start with websocket.backfill.url: must hold "{channel}", as each channel has numbers of its own',
    ],
    [
      { 'websocket.backfill.url': 'https://x/{channel}/{from}/{to}', 'websocket.sequence.pointer': '/s' },
      'Cannot start with websocket.backfill.url: "{channel}" wants websocket.sequence.channel.pointer',
    ],
    [
      { 'websocket.backfill.header.X-Key': 'secret' },
      'Cannot start with websocket.backfill.header.X-Key: websocket.backfill.url is missing',
    ],
    [
      { 'websocket.backfill.header.X Key': 'secret' },
      'Cannot send header "X Key" of websocket.backfill.header.*: its name must be a token of RFC 7230 (letters, digits and a few signs, no blanks)',
    ],
    [
      { 'websocket.redundant.url': 'ws://u:pw@h/' },
      'Cannot start with websocket.redundant.url: websocket.dedupe.window must be at least 1, else each message is written twice',
    ],
    [
      { 'websocket.url': 'wss://a.b:99999/?token=abc' },
      'Cannot connect to "wss://a.b:99999/?token=***": port must be from 1 to 65535',
    ],
    [
      { 'websocket.headers': 'a b:c' },
      'Cannot send header "a b" of websocket.headers: its name must be a token of RFC 7230 (letters, digits and a few signs, no blanks)',
    ],
    [
      { 'websocket.headers': 'X-A:1\r\nX-B: 2' },
      'Cannot send header "X-A" of websocket.headers: its value holds a line break or another control character',
    ],
    [
      { 'websocket.headers': 'Sec-WebSocket-Extensions:x' },
      'Cannot send header "Sec-WebSocket-Extensions" of websocket.headers: it belongs to the WebSocket upgrade itself',
    ],
  ] as const) {
    test(message, () => throws(() => settingsOf({ ...minimal, ...changes }), { code: 'CONFIG_INVALID', message }));
  }
});

describe('headers', () => {
  const headersOf = (changes: Record<string, string>) => settingsOf({ ...minimal, ...changes }).headers;

  test('are split at commas and the first colon, and trimmed', () => {
    deepEqual(headersOf({ 'websocket.headers': ' a : 1 , b:x:y,nocolon, c:' }), [
      ['a', '1'],
      ['b', 'x:y'],
      ['c', ''],
    ]);
    deepEqual(settingsOf({ ...minimal, 'websocket.headers': 'a:1,nocolon' }).skippedHeaders, [2]);
  });

  test('the last of two with one name counts', () => {
    deepEqual(headersOf({ 'websocket.headers': 'X-A:1,x-a:2' }), [['x-a', '2']]);
  });

  test('the token takes the place of an Authorization header', () => {
    deepEqual(headersOf({ 'websocket.headers': 'authorization:Basic x', 'websocket.auth.token': ' tok ' }), [
      ['Authorization', 'Bearer tok'],
    ]);
  });

  test('user and password of the URL count where nothing else authenticates', () => {
    const basic = `Basic ${Buffer.from('u:p w').toString('base64')}`;
    deepEqual(headersOf({ 'websocket.url': 'ws://u:p%20w@h/' }), [['Authorization', basic]]);
    deepEqual(headersOf({ 'websocket.url': 'ws://u:p@h/', 'websocket.auth.token': 't' }), [
      ['Authorization', 'Bearer t'],
    ]);
    deepEqual(headersOf({ 'websocket.url': 'ws://u:p@h/', 'websocket.headers': 'Authorization:x' }), [
      ['Authorization', 'x'],
    ]);
  });
});

test('subscription messages keep their order and what they are written like', () => {
  const settings = settingsOf({
    ...minimal,
    'websocket.subscription.message': 'first, with a comma',
    'websocket.subscription.messages': ' [ "a\\"b" , {"op": "x", "n":1.0, "l":[1,"]"]} ,12345678901234567890,[] ] ',
  });
  deepEqual(settings.subscriptions, [
    'first, with a comma',
    'a"b',
    '{"op": "x", "n":1.0, "l":[1,"]"]}',
    '12345678901234567890',
    '[]',
  ]);
});
