import { createDatabase, Server } from './support/server.js';
import { delay, start, Watch } from './support/watch.js';

const ORIGIN = 'https://app.example';
/** Scripts can read these without Access-Control-Expose-Headers (Fetch Standard: CORS-safelisted response-header name). */
const SAFELISTED = [
  'cache-control',
  'content-language',
  'content-length',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
];
/** These are for browsers and connections, not for scripts. */
const FOR_BROWSERS =
  /^(access-control-.*|connection|content-security-policy|cross-origin-.*|date|keep-alive|origin-agent-cluster|referrer-policy|strict-transport-security|transfer-encoding|vary|x-accel-buffering|x-content-type-options|x-dns-prefetch-control|x-download-options|x-frame-options|x-permitted-cross-domain-policies|x-xss-protection)$/;

const listOf = (value: string | null): string[] =>
  (value ?? '').split(',').flatMap((name) => name.trim().toLowerCase() || []);

describe('a page of an allowed origin', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      CORS_ORIGINS: ORIGIN,
      CORS_ALLOWED_HEADERS: 'X-Tenant, x-datadog-trace-id',
      RATE_LIMIT_REQUESTS: '12',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const preflight = async (method: string, path: string, names: string, origin = ORIGIN) =>
    (
      await fetch(new URL(path, server.url), {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': names,
        },
      })
    ).headers;

  it.each([
    'authorization',
    'x-api-key',
    'content-type',
    'idempotency-key',
    'last-event-id',
    'x-request-id',
    'cache-control',
    'pragma',
    // W3C Trace Context and Baggage, as OpenTelemetry sends them; Sentry's header; a header of older libraries.
    'traceparent',
    'tracestate',
    'baggage',
    'sentry-trace',
    'x-requested-with',
    'x-tenant',
    'x-datadog-trace-id',
  ])('may send the header %s', async (name) => {
    const headers = await preflight('POST', '/api/executions', name);
    expect(listOf(headers.get('access-control-allow-headers'))).toContain(name);
  });

  it('may use every method of the API, and those of other modules', async () => {
    const { paths } = (await server.call('GET', '/docs/openapi.json')).body as {
      paths: Record<string, object>;
    };
    const methods = new Set(Object.values(paths).flatMap((path) => Object.keys(path)));
    // Modules of other teams may add routes with other methods.
    for (const method of [...methods, 'put', 'patch']) {
      const headers = await preflight(method.toUpperCase(), '/api/keys', 'authorization');
      expect(listOf(headers.get('access-control-allow-methods'))).toContain(method);
    }
  });

  it('may read every header of the API that is meant for scripts', async () => {
    const origin = { origin: ORIGIN };
    const once = { ...origin, 'idempotency-key': 'once' };
    const body = start([delay('a', 1)]);
    const started = await server.call('POST', '/api/executions', body, once);
    const { id } = started.body as { id: string };
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    const answers = [
      started,
      await server.call('POST', '/api/executions', body, once),
      await server.call('GET', `/api/executions/${id}`, undefined, origin),
      await server.call('GET', `/api/executions/${id}/stream`, undefined, origin),
      await server.call('GET', `/api/executions/${id}/stream`, undefined, {
        ...origin,
        'last-event-id': '1000',
      }),
      await server.call('GET', '/api/keys', undefined, { ...origin, authorization: 'Bearer wrong' }),
    ];
    while (answers.at(-1)!.status !== 429)
      answers.push(await server.call('GET', '/api/keys', undefined, origin));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 202, 400, 401, 429]));
    for (const { status, headers } of answers) {
      const exposed = listOf(headers.get('access-control-expose-headers'));
      const hidden = [...headers.keys()].filter(
        (name) => !SAFELISTED.includes(name) && !FOR_BROWSERS.test(name) && !exposed.includes(name),
      );
      expect([status, hidden]).toEqual([status, []]);
    }
  });

  it('is the only one that gets Access-Control-Allow-Origin', async () => {
    const headers = await preflight('POST', '/api/executions', 'traceparent', 'https://evil.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

it('CORS_ALLOWED_HEADERS=* allows every header and still names Authorization', async () => {
  const server = await Server.start({
    DATABASE_URL: await createDatabase(),
    CORS_ORIGINS: '*',
    CORS_ALLOWED_HEADERS: '*',
  });
  const { headers } = await fetch(new URL('/api/executions', server.url), {
    method: 'OPTIONS',
    headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
  });
  const allowed = listOf(headers.get('access-control-allow-headers'));
  expect(allowed).toEqual(expect.arrayContaining(['*', 'authorization']));
  await server.kill('SIGTERM');
});
