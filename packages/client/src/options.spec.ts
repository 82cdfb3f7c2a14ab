import { type ClientOptions, resolveOptions } from './options.js';

describe('resolveOptions', () => {
  it.each<[string, Partial<ClientOptions>]>([
    ['no baseUrl', { baseUrl: undefined as never }],
    ['a host without a scheme', { baseUrl: '127.0.0.1:3000' }],
    ['another scheme', { baseUrl: 'file:///etc' }],
    ['a relative baseUrl outside of a page', { baseUrl: '/' }],
    ['two credentials', { apiKey: 'a', token: 'b' }],
    ['a backoff of 0', { reconnect: { baseMs: 0 } }],
    ['a heartbeat that is not a number', { heartbeatMs: NaN }],
    ['an unlimited event size', { maxEventBytes: Infinity }],
  ])('refuses %s', (_name, options) => {
    expect(() => resolveOptions({ baseUrl: 'http://a', ...options })).toThrow(
      expect.objectContaining({ name: 'CloutAgentError', code: 'invalid_argument' }),
    );
  });

  it('adds defaults, keeps the path of baseUrl and removes slashes at its end', () => {
    expect(resolveOptions({ baseUrl: 'https://example.com/agents//' })).toMatchObject({
      baseUrl: 'https://example.com/agents',
      baseMs: 500,
      maxMs: 30_000,
      silenceMs: 37_500,
    });
  });
});
