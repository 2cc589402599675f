import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { carriedIPv4, hostEntryProblem, isPublicAddress, namedHosts } from './address.ts';

describe('public addresses', () => {
  for (const address of ['1.1.1.1', '172.15.255.255', '172.32.0.0', '192.167.0.1', '100.63.0.1', '223.255.255.255'])
    test(`${address} is public`, () => equal(isPublicAddress(address), true));
  for (const address of [
    '2606:4700::1111',
    '2a00:1450:4001::5e',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:808:808::',
  ])
    test(`${address} is public`, () => equal(isPublicAddress(address), true));
});

describe('addresses that are not public', () => {
  const v4 = ['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1'];
  const more = ['172.31.255.255', '192.168.1.1', '192.0.0.192', '198.18.0.1', '224.0.0.1', '240.0.0.1'];
  const odd = ['255.255.255.255', '168.63.129.16', '100.100.100.200', '203.0.113.5'];
  const v6 = ['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'fec0::1', 'ff02::1', '2001:db8::1'];
  const carrying = ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '::127.0.0.1', '64:ff9b::10.0.0.1'];
  const tunnels = ['64:ff9b::a00:1', '64:ff9b:1::1', '2002:7f00:1::', '2002:c0a8:101::1', '2001:0:1::1', '100::1'];
  for (const address of [...v4, ...more, ...odd, ...v6, ...carrying, ...tunnels])
    test(`${address} is not`, () => equal(isPublicAddress(address), false));
  for (const text of ['', 'localhost', '127.1', '0177.0.0.1', '2130706433', '1.1.1.1.1'])
    test(`"${text}" is no address at all`, () => equal(isPublicAddress(text), false));
});

test('the carried address is found in every way to write it', () => {
  for (const [address, carried] of [
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['0:0:0:0:0:ffff:102:304', '1.2.3.4'],
    ['64:FF9B::102:304', '1.2.3.4'],
    ['2002:102:304:5::6', '1.2.3.4'],
    ['2001:db8::1.2.3.4', undefined],
  ] as const)
    equal(carriedIPv4(address), carried, address);
});

test('what is named is found by network, address, name and domain', () => {
  const named = namedHosts(['10.0.0.0/8', '192.168.1.7', '[fd00::]/8', '::1', 'Feed.Internal', '*.example.com']);
  const addresses = ['10.9.9.9', '192.168.1.7', 'fd12::1', '::1', '::ffff:10.0.0.1', '64:ff9b::a00:1'];
  deepEqual(
    addresses.map((address) => named.hasAddress(address)),
    addresses.map(() => true),
  );
  for (const address of ['11.0.0.1', '192.168.1.8', 'fe80::1']) equal(named.hasAddress(address), false, address);
  for (const host of ['feed.internal', 'FEED.INTERNAL.', 'a.example.com', 'a.b.example.com'])
    equal(named.hasHost(host), true, host);
  for (const host of ['example.com', 'notexample.com', 'feed.internal.evil.test'])
    equal(named.hasHost(host), false, host);
});

describe('entries', () => {
  for (const entry of [
    '10.0.0.0/8',
    '1.2.3.4',
    '::1',
    '[::1]',
    'fd00::/8',
    'localhost',
    'my_host.lan',
    '*.example.com',
  ])
    test(`${entry} is one`, () => equal(hostEntryProblem(entry), undefined));
  for (const entry of [
    '',
    '10.0.0.0/33',
    '10.0.0.0/x',
    '10.0.0/8',
    '300.1.1.1',
    'http://a',
    'a/8',
    '*',
    'a..b',
    'fd00::/129',
  ])
    test(`"${entry}" is none`, () => equal(typeof hostEntryProblem(entry), 'string'));
});
