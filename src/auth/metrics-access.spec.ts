import type { Request } from 'express';
import { MetricsAccess } from './metrics-access.js';

const TOKEN = 'a-metrics-token-of-more-than-32-characters';
const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ headers: { host: 'localhost:3000', ...headers }, socket: { remoteAddress } }) as unknown as Request;

describe('MetricsAccess', () => {
  it.each([
    ['this machine', from('127.0.0.1'), true],
    ['this machine, IPv6', from('::1', { host: '[::1]:3000' }), true],
    ['this machine, IPv4 in IPv6', from('::ffff:127.0.0.1'), true],
    ['another machine', from('192.0.2.1'), false],
    ['a private network', from('10.0.0.1'), false],
    ['a proxy on this machine', from('127.0.0.1', { 'x-forwarded-for': '192.0.2.1' }), false],
    ['a page whose host name points to this machine', from('127.0.0.1', { host: 'evil.example' }), false],
    [
      'a host name that begins with localhost',
      from('127.0.0.1', { host: 'localhost.evil.example:3000' }),
      false,
    ],
    ['a credential', from('127.0.0.1', { authorization: `Bearer ${TOKEN}` }), false],
    ['an API key', from('127.0.0.1', { 'x-api-key': TOKEN }), false],
  ])('decides without METRICS_TOKEN for %s', (_who, request, admitted) => {
    expect(new MetricsAccess({ METRICS_TOKEN: undefined, TRUST_PROXY: '' }).admits(request)).toBe(admitted);
  });

  it('admits no address behind a trusted proxy', () => {
    const access = new MetricsAccess({ METRICS_TOKEN: undefined, TRUST_PROXY: '1' });
    expect(access.admits(from('127.0.0.1'))).toBe(false);
  });

  it.each([
    ['the token', `Bearer ${TOKEN}`, true],
    ['the token with bearer in lower case', `bearer ${TOKEN}`, true],
    ['another token', `Bearer ${TOKEN}x`, false],
    ['another scheme', `Basic ${TOKEN}`, false],
    ['an empty token', 'Bearer ', false],
  ])('decides with METRICS_TOKEN for %s', (_what, authorization, admitted) => {
    const access = new MetricsAccess({ METRICS_TOKEN: TOKEN, TRUST_PROXY: '1' });
    expect(access.admits(from('192.0.2.1', { authorization }))).toBe(admitted);
    expect(access.admits(from('127.0.0.1'))).toBe(false);
  });
});
