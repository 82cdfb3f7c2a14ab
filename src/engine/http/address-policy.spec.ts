import { AddressPolicy, isPublic } from './address-policy.js';

describe('isPublic', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8'.replace('8.8.8.8', '10.0.0.1'),
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
  ])('%s is not', (address) => expect(isPublic(address)).toBe(false));
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111'])('%s is', (address) =>
    expect(isPublic(address)).toBe(true),
  );
});

describe('AddressPolicy', () => {
  const admit = (url: string, allowed: string[] = [], addresses: string[] = []) =>
    new AddressPolicy(allowed, () => Promise.resolve(addresses)).admit(new URL(url));

  it('refuses a name with any private address', async () => {
    await expect(admit('http://rebind.example', [], ['8.8.8.8', '127.0.0.1'])).rejects.toMatchObject({
      code: 'host_not_allowed',
    });
    expect(await admit('http://fine.example', [], ['8.8.8.8'])).toBe('8.8.8.8');
  });

  it('takes only what is listed, once something is', async () => {
    expect(await admit('http://api.example', ['api.example'], ['10.0.0.1'])).toBe('10.0.0.1');
    expect(await admit('http://a.b.example', ['*.b.example'], ['8.8.8.8'])).toBe('8.8.8.8');
    expect(await admit('http://127.0.0.1:99', ['127.0.0.1:99'])).toBe('127.0.0.1');
    expect(await admit('http://10.2.3.4', ['10.0.0.0/8'])).toBe('10.2.3.4');
    for (const [url, entry] of [
      ['http://other.example', 'api.example'],
      ['http://127.0.0.1:98', '127.0.0.1:99'],
      ['http://evilb.example', '*.b.example'],
      ['http://11.0.0.1', '10.0.0.0/8'],
    ] as const) {
      await expect(admit(url, [entry], ['8.8.8.8'])).rejects.toMatchObject({ code: 'host_not_allowed' });
    }
  });
});
