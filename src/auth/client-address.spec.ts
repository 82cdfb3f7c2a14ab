import { addressOf } from './client-address.js';

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:1::1', '2001:db8:1:1::/64'],
  ['2001:DB8:1:1:ffff:ffff:ffff:ffff', '2001:db8:1:1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['not an address', '198.51.100.7'],
  ['', '198.51.100.7'],
  [undefined, '198.51.100.7'],
])('counts %s as %s', (ip, expected) => {
  const socket = { remoteAddress: '198.51.100.7' };
  expect(addressOf({ ip, socket } as unknown as Parameters<typeof addressOf>[0])).toBe(expected);
});
