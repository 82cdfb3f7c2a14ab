import type { NestExpressApplication } from '@nestjs/platform-express';
import { boot, bootOnNewDatabase, call, callRaw } from './support/auth-app.js';

let database: string;
let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  ({ app, url, database } = await bootOnNewDatabase());
});
afterAll(() => app.close());

describe('response headers', () => {
  it.each(['abc-1.2_3', 'x'.repeat(64)])('repeat the request id %s', async (given) => {
    const { headers } = await call(`${url}/api/things/open`, { headers: { 'x-request-id': given } });
    expect(headers.get('x-request-id')).toBe(given);
  });

  it.each(['x'.repeat(65), 'a b', '<script>'])('replace the invalid request id %s', async (given) => {
    const { headers } = await call(`${url}/api/things/open`, { headers: { 'x-request-id': given } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('have a strict content security policy', async () => {
    const { headers } = await call(`${url}/api/things/open`);
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('etag')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/unsafe|https:|data:|upgrade-insecure/);
  });

  it('allow inline styles and no inline scripts in the documentation', async () => {
    const docs = await fetch(`${url}/docs`);
    expect(docs.headers.get('content-security-policy')).toContain("style-src 'self' 'unsafe-inline'");
    expect(docs.headers.get('content-security-policy')).not.toContain("script-src 'self' 'unsafe-inline'");
  });

  const transportSecurity = async (settings: Record<string, string>, headers: Record<string, string>) => {
    const one = await boot({ DATABASE_URL: database, ...settings });
    const paths = ['/api/things/open', '/api/things/mine', '/nowhere', '/docs'];
    const answers = await Promise.all(paths.map((path) => fetch(`${one.url}${path}`, { headers })));
    await one.app.close();
    return new Set(answers.map((answer) => answer.headers.get('strict-transport-security')));
  };
  const YEAR = { TRUST_PROXY: 'loopback', HSTS_MAX_AGE_SECONDS: '31536000' };
  const HTTPS = { 'x-forwarded-proto': 'https' };
  it.each<[string, Record<string, string>, Record<string, string>, string | null]>([
    ['is not sent by default', { TRUST_PROXY: 'loopback' }, HTTPS, null],
    ['is sent over HTTPS', YEAR, HTTPS, 'max-age=31536000'],
    [
      'includes subdomains if the setting says so',
      { ...YEAR, HSTS_INCLUDE_SUBDOMAINS: 'true' },
      HTTPS,
      'max-age=31536000; includeSubDomains',
    ],
    ['is not sent over plain HTTP (RFC 6797, 7.2)', YEAR, {}, null],
    ['is not sent when the proxy reports plain HTTP', YEAR, { 'x-forwarded-proto': 'http' }, null],
    [
      'is not sent when an untrusted caller claims HTTPS',
      { ...YEAR, TRUST_PROXY: '10.0.0.0/8' },
      HTTPS,
      null,
    ],
  ])('Strict-Transport-Security %s', async (_what, settings, headers, expected) => {
    expect(await transportSecurity(settings, headers)).toEqual(new Set([expected]));
  });

  const preflight = (base: string, origin: string) =>
    fetch(`${base}/api/things`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
  it.each<[string, string | null]>([
    ['https://app.example', 'https://app.example'],
    ['https://app.example.evil.example', null],
    ['http://app.example', null],
    ['https://sub.app.example', null],
    ['null', null],
  ])('allow the origin %s only if CORS_ORIGINS lists it', async (origin, allowed) => {
    const before = await preflight(url, origin);
    expect(before.headers.get('access-control-allow-origin')).toBe(allowed);
    const { headers } = await call(`${url}/api/things/open`, { headers: { origin } });
    expect(headers.get('access-control-allow-origin')).toBe(allowed);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('vary')).toContain('Origin');
    if (allowed === null) return;
    expect(before.headers.get('access-control-allow-headers')).toMatch(
      /Authorization.*X-API-Key.*Last-Event-ID/,
    );
    expect(headers.get('access-control-expose-headers')).toMatch(/Location.*RateLimit-Limit.*X-Request-Id/);
  });

  it('allow every origin with CORS_ORIGINS=*', async () => {
    const all = await boot({ DATABASE_URL: database, CORS_ORIGINS: '*' });
    const { headers } = await preflight(all.url, 'https://any.example');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    await all.app.close();
  });

  it('allow no origin by default', async () => {
    const none = await boot({ DATABASE_URL: database });
    const { headers } = await preflight(none.url, 'https://any.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    await none.app.close();
  });
});

describe('settings of the HTTP server', () => {
  it.each([
    { TRUST_PROXY: 'everybody' },
    { TRUST_PROXY: '-1' },
    { CORS_ORIGINS: 'app.example' },
    { CORS_ORIGINS: 'https://app.example/' },
    { BOOTSTRAP_API_KEY: `${'x'.repeat(40)} y` },
    { CORS_ALLOWED_HEADERS: 'X Tenant' },
    { CORS_ALLOWED_HEADERS: 'X-Tenant:' },
    { HSTS_MAX_AGE_SECONDS: '-1' },
    { HSTS_MAX_AGE_SECONDS: '60' },
    { HSTS_MAX_AGE_SECONDS: '60', TRUST_PROXY: 'false' },
    { HSTS_INCLUDE_SUBDOMAINS: 'yes' },
    { HSTS_INCLUDE_SUBDOMAINS: 'true', TRUST_PROXY: '1' },
  ])('stop the start if they are invalid: %p', async (wrong) => {
    const attempt = boot({ DATABASE_URL: database, ...wrong });
    await expect(attempt).rejects.toMatchObject({
      name: 'InvalidSettingsError',
      message: expect.stringContaining(Object.keys(wrong)[0]!),
    });
  });

  it.each(['true', 'false', '1', 'loopback, 10.0.0.0/8'])('may be TRUST_PROXY=%s', async (value) => {
    const one = await boot({ DATABASE_URL: database, TRUST_PROXY: value });
    await one.app.close();
  });
});

it('the server keeps running after bytes that are not HTTP', async () => {
  expect(await callRaw(url, 'GET \u0000 NOT-HTTP\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect((await call(`${url}/api/things/open`)).status).toBe(200);
});
