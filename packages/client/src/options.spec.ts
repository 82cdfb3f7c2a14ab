import { type ClientOptions, resolveOptions } from './options.js';

describe('options', () => {
  it.each<[string, Partial<ClientOptions>]>([
    ['no baseUrl', { baseUrl: undefined as never }],
    ['a host without a scheme', { baseUrl: '127.0.0.1:3000' }],
    ['another scheme', { baseUrl: 'file:///etc' }],
    ['no page to be relative to', { baseUrl: '/' }],
    ['two credentials', { apiKey: 'a', token: 'b' }],
    ['a backoff of 0', { reconnect: { baseMs: 0 } }],
    ['a heartbeat that is no number', { heartbeatMs: NaN }],
    ['an endless event', { maxEventBytes: Infinity }],
  ])('are refused with %s', (_name, options) => {
    expect(() => resolveOptions({ baseUrl: 'http://a', ...options })).toThrow(
      expect.objectContaining({ name: 'CloutAgentError', code: 'invalid_argument' }),
    );
  });

  it('have defaults, and a baseUrl with a path but no slash at its end', () => {
    expect(resolveOptions({ baseUrl: 'https://example.com/agents//' })).toMatchObject({
      baseUrl: 'https://example.com/agents',
      baseMs: 500,
      maxMs: 30_000,
      silenceMs: 37_500,
    });
  });
});
