import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { errorCodes, TributaryError } from '../../base/errors.ts';
import { kafkaErrors } from './error-codes.ts';
import { apiCodeOf, type ConnectionFacts, check, errorOfClient, errorOfCode } from './errors.ts';

const plain: ConnectionFacts = { address: 'kafka.test:9092', tls: false };
const tls: ConnectionFacts = { address: 'kafka.test:9093', tls: true };
const sasl: ConnectionFacts = { ...plain, sasl: { mechanism: 'scram-sha-512', username: 'alice' } };

/** As the client and Node make them. */
const fromNode = (code: string, message = code): Error => Object.assign(new Error(message), { code });
const network = (message: string, cause?: Error): Error =>
  Object.assign(new Error(message, { cause }), { code: 'PLT_KFK_NETWORK' });
const protocol = (apiCode: number, response?: object): Error =>
  Object.assign(new AggregateError([Object.assign(new Error('protocol'), { apiCode })], 'response'), { response });
const authentication = (cause: Error, message = 'SASL authentication failed.'): Error =>
  Object.assign(new Error(message, { cause }), { code: 'PLT_KFK_AUTHENTICATION' });

const cases: readonly (readonly [name: string, error: Error, facts: ConnectionFacts, code: string, text: RegExp])[] = [
  [
    'nobody listens',
    network('failed', fromNode('ECONNREFUSED', 'connect ECONNREFUSED')),
    plain,
    'BROKER_UNAVAILABLE',
    /ECONNREFUSED/,
  ],
  [
    'the host is unknown',
    network('failed', fromNode('ENOTFOUND', 'getaddrinfo ENOTFOUND')),
    plain,
    'BROKER_UNAVAILABLE',
    /ENOTFOUND/,
  ],
  ['the connection is closed', network('Connection closed'), plain, 'BROKER_UNAVAILABLE', /TLS or SASL/],
  [
    'it is closed later',
    network('Connection closed'),
    { ...plain, isProven: true },
    'BROKER_UNAVAILABLE',
    /closed the connection$/,
  ],
  ['it is closed under TLS', network('Connection closed'), tls, 'BROKER_UNAVAILABLE', /client certificate/],
  ['a request takes too long', network('Request timed out'), plain, 'BROKER_UNAVAILABLE', /timed out/],
  [
    'the port speaks TLS',
    Object.assign(new Error('Broker requires TLS.'), { code: 'PLT_KFK_USER' }),
    plain,
    'AUTHENTICATION_FAILED',
    /TLS only/,
  ],
  [
    'the port speaks plain text',
    network('failed', fromNode('EPROTO', 'ssl3: wrong version number')),
    tls,
    'AUTHENTICATION_FAILED',
    /plain text/,
  ],
  [
    'the certificate has expired',
    network('failed', fromNode('CERT_HAS_EXPIRED')),
    tls,
    'AUTHENTICATION_FAILED',
    /expired/,
  ],
  [
    'the certificate is for another host',
    network('failed', fromNode('ERR_TLS_CERT_ALTNAME_INVALID')),
    tls,
    'AUTHENTICATION_FAILED',
    /another host/,
  ],
  [
    'the authority is unknown',
    network('failed', fromNode('SELF_SIGNED_CERT_IN_CHAIN')),
    tls,
    'AUTHENTICATION_FAILED',
    /unknown authority/,
  ],
  [
    'a client certificate is wanted',
    network('failed', fromNode('ERR_SSL', 'x:SSL alert number 116')),
    tls,
    'AUTHENTICATION_FAILED',
    /client certificate/,
  ],
  [
    'the password is wrong',
    network('failed', authentication(protocol(58))),
    sasl,
    'AUTHENTICATION_FAILED',
    /SCRAM-SHA-512 as "alice"/,
  ],
  [
    'the mechanism is not offered',
    network('failed', authentication(protocol(33, { mechanisms: ['PLAIN'] }))),
    sasl,
    'AUTHENTICATION_FAILED',
    /offers PLAIN/,
  ],
  ['the port takes no SASL', network('failed', authentication(protocol(34))), sasl, 'AUTHENTICATION_FAILED', /no SASL/],
  [
    'the network breaks while authenticating',
    network('failed', authentication(network('Connection closed'))),
    sasl,
    'BROKER_UNAVAILABLE',
    /closed/,
  ],
  ['the answer is garbage', new RangeError('Out of bounds.'), plain, 'PROTOCOL_ERROR', /Out of bounds/],
  ['an answer is an error', protocol(31), plain, 'AUTHORIZATION_FAILED', /CLUSTER_AUTHORIZATION_FAILED \(31\)/],
];

for (const [name, error, facts, code, text] of cases) {
  test(`when ${name}: ${code}`, () => {
    const found = errorOfClient(error, facts);
    equal(found.code, code);
    match(found.message, text);
    match(found.message, /kafka\.test/);
    equal(found.retriable, code === 'BROKER_UNAVAILABLE');
  });
}

test('what the client says about credentials is not passed on', () => {
  const leaky = network('failed', authentication(protocol(58), 'SASL failed for alice with hunter2'));
  doesNotMatch(inspect(errorOfClient(leaky, sasl), { depth: 10 }), /hunter2/);
});

test('an error of ours stays what it is, and a cycle of causes ends', () => {
  const own = new TributaryError('ABORTED', 'stopped');
  equal(errorOfClient(own, plain), own);
  const cycle = new Error('a');
  cycle.cause = cycle;
  equal(errorOfClient(cycle, plain).code, 'BROKER_UNAVAILABLE');
});

test('an error code of an answer keeps its name and number', () => {
  const error = errorOfCode(36, 'create topic "t"', 'it is there');
  deepEqual([error.code, error.retriable, apiCodeOf(error)], ['TOPIC_EXISTS', false, 36]);
  equal(error.message, 'Cannot create topic "t": Kafka says TOPIC_ALREADY_EXISTS (36) (it is there)');
  equal(errorOfCode(999, 'do it').code, 'BROKER_REJECTED');
  check(0, 'do it');
});

test('every known error code stands for one of the closed list', () => {
  for (const { code } of kafkaErrors.values()) equal(errorCodes.includes(code), true);
});
