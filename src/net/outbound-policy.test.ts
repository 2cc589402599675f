import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type Lookup, publicOnly, unrestricted } from './outbound-policy.ts';

const addressesOf: Readonly<Record<string, readonly string[]>> = {
  'public.test': ['93.184.216.34'],
  'mixed.test': ['127.0.0.1', '93.184.216.34'],
  'private.test': ['10.0.0.1', '::1'],
  'mapped.test': ['::ffff:127.0.0.1'],
};

const lookup: Lookup = (host, _options, answer) => {
  const found = addressesOf[host]?.map(
    (address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }),
  );
  if (found !== undefined) answer(null, found);
  else answer(Object.assign(new Error(`ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), []);
};

function looked(policy: ReturnType<typeof publicOnly>, host: string): Promise<readonly LookupAddress[]> {
  const { lookup: checked } = policy.connectOptions(host);
  return new Promise((resolve, reject) => {
    checked!(host, { all: true }, (error, found) => {
      if (error !== null) reject(error);
      else resolve(found as LookupAddress[]);
    });
  });
}

test('only public addresses of a name are handed to the connection', async () => {
  deepEqual(
    (await looked(publicOnly([], lookup), 'mixed.test')).map(({ address }) => address),
    ['93.184.216.34'],
  );
});

describe('refusals', () => {
  for (const host of ['private.test', 'mapped.test'])
    test(`a name without a public address is refused: ${host}`, () =>
      rejects(looked(publicOnly([], lookup), host), { code: 'OUTBOUND_FORBIDDEN' }));
  for (const host of ['127.0.0.1', '::1', '169.254.169.254', '::ffff:10.0.0.1', 'fe80::1%lo'])
    test(`an address is refused before anything is connected: ${host}`, () =>
      throws(() => publicOnly([], lookup).connectOptions(host), { code: 'OUTBOUND_FORBIDDEN' }));
  test('the text says nothing of what stands behind the name', () =>
    rejects(looked(publicOnly([], lookup), 'private.test'), (error: Error) => !/10\.0|::1/.test(error.message)));
  test('a name that does not exist stays an error of the lookup', () =>
    rejects(looked(publicOnly([], lookup), 'nobody.test'), { code: 'ENOTFOUND' }));
});

describe('what is allowed by name', () => {
  test('a network', async () =>
    deepEqual(
      (await looked(publicOnly(['10.0.0.0/8'], lookup), 'private.test')).map(({ address }) => address),
      ['10.0.0.1'],
    ));
  test('a host, whatever it resolves to', () =>
    deepEqual(publicOnly(['private.test']).connectOptions('private.test'), {}));
  test('an address', () => deepEqual(publicOnly(['127.0.0.1']).connectOptions('127.0.0.1'), {}));
});

test('a proxy is asked for the address that was checked', async () => {
  equal(await publicOnly([], lookup).proxied('public.test'), '93.184.216.34');
  equal(await publicOnly(['private.test'], lookup).proxied('private.test'), 'private.test');
  await rejects(publicOnly([], lookup).proxied('private.test'), { code: 'OUTBOUND_FORBIDDEN' });
  equal(await unrestricted.proxied('private.test'), 'private.test');
});

for (const host of ['localhost', '127.1', '0177.0.0.1', '2130706433', '0x7f000001']) {
  test(`a real socket to loopback is not opened: ${host}`, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    let connections = 0;
    server.on('connection', () => connections++);
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host, port, ...publicOnly([]).connectOptions(host) });
    const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [NodeJS.ErrnoException];
    equal(error.code, 'OUTBOUND_FORBIDDEN');
    server.close();
    await once(server, 'close');
    equal(connections, 0);
  });
}
