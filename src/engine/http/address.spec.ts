import fc from 'fast-check';
import { addressMatches, isPublicAddress } from './address.js';

it.each([
  '8.8.8.8',
  '1.1.1.1',
  '172.15.0.1',
  '172.32.0.1',
  '100.63.0.1',
  '100.128.0.1',
  '2606:4700::1111',
  '2a00:1450:4001::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
])('counts %s as public', (address) => expect(isPublicAddress(address)).toBe(true));

it.each([
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::']],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1']],
  ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1']],
  ['link-local, where clouds keep credentials', ['169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1']],
  ['shared (CGNAT)', ['100.64.0.1', '100.127.255.255', '100.100.100.200']],
  ['multicast and broadcast', ['224.0.0.1', '239.255.255.250', '255.255.255.255', 'ff02::1']],
  ['reserved', ['240.0.0.1', '192.0.0.1', '192.0.0.192', '192.88.99.1']],
  [
    'documentation and benchmarks',
    ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '2001:db8::1', '2001:2::1', '3fff::1'],
  ],
  [
    'IPv4 in IPv6',
    [
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:a9fe:a9fe',
      '::127.0.0.1',
      '::7f00:1',
      '::ffff:0:127.0.0.1',
    ],
  ],
  [
    'IPv4 through a translator',
    ['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.0.0.1', '64:ff9b:1::8.8.8.8'],
  ],
  ['IPv4 in a tunnel', ['2002:7f00:1::', '2002:0808:0808::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2']],
  ['old or unassigned', ['fec0::1', '4000::1', '100::1', '2001:10::1', '2001:20::1', '5f00::1']],
  ['not an address', ['', 'localhost', '1.2.3.4.5', 'fe80::1%eth0']],
])('does not count as public: %s', (_what, addresses) => {
  for (const address of addresses) expect([address, isPublicAddress(address)]).toEqual([address, false]);
});

it('gives an IPv4 address and its IPv6 forms the same result', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(isPublicAddress(`::ffff:${address}`)).toBe(isPublicAddress(address));
      expect(isPublicAddress(`64:ff9b::${address}`)).toBe(isPublicAddress(address));
    }),
  );
});

it.each<[string, string, boolean]>([
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['10.0.0.0/8', '10.9.9.9', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '::1', false],
  ['fd00::/8', 'fd12::1', true],
  ['::1', '0:0::1', true],
  ['example.com', '10.0.0.1', false],
])('matches entry %s with address %s: %p', (entry, address, matches) =>
  expect(addressMatches(entry, address)).toBe(matches),
);
