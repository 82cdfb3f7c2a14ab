import { parseNatsUrls } from './nats-urls.js';
import { parseSettings } from './settings.js';

describe('NATS_URL', () => {
  it.each([
    ['nats://localhost:4222', { servers: ['localhost:4222'] }],
    ['nats://[::1]', { servers: ['[::1]'] }],
    ['nats://app:p%40ss%2F1@one:1, nats://two', { servers: ['one:1', 'two'], user: 'app', pass: 'p@ss/1' }],
    ['nats://a-token@one', { servers: ['one'], token: 'a-token' }],
    ['tls://one/', { servers: ['one'], tls: { host: 'one' } }],
  ])('%s is valid', (url, expected) => {
    expect(parseNatsUrls(parseSettings({ NATS_URL: url }).NATS_URL!)).toEqual(expected);
  });

  it.each([
    'localhost:4222',
    'http://one',
    'nats://',
    'nats://one,',
    'nats://one/path',
    'nats://one?tls=true',
    'nats://%zz@one',
  ])('%s is invalid, and the message does not show it', (url) => {
    const parse = () => parseSettings({ NATS_URL: url });
    expect(parse).toThrow('NATS_URL: must be like nats://');
    expect(parse).not.toThrow(`is "${url}"`);
  });

  it.each(['', 'a..b', '.a', 'a.', 'a b', 'a.*', 'a.>', 'é'])(
    'NATS_SUBJECT_PREFIX cannot be %j',
    (prefix) => {
      const parse = () => parseSettings({ NATS_SUBJECT_PREFIX: prefix });
      if (prefix === '') expect(parse().NATS_SUBJECT_PREFIX).toBe('cloutagent');
      else expect(parse).toThrow('NATS_SUBJECT_PREFIX');
    },
  );
});
