import type { TestingModule } from '@nestjs/testing';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { HttpNode } from '../../src/engine/nodes/http.node.js';

const utf16 = (text: string) => [...Buffer.from(text, 'utf16le')];
/** Content type, bytes, and the expected body. */
const ENCODED: [type: string, bytes: number[], body: unknown][] = [
  ['text/plain; charset=iso-8859-1', [0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72], 'Müller'],
  ['text/plain;charset="ISO-8859-1"', [0xfc], 'ü'],
  ['text/plain; charset=Shift_JIS', [0x93, 0xfa, 0x96, 0x7b], '日本'],
  ['application/json; charset=iso-8859-1', [0x22, 0xe9, 0x22], 'é'],
  ['application/json; charset=UTF8', [...Buffer.from('"é"')], 'é'],
  ['text/plain; charset=utf-16le', utf16('日'), '日'],
  ['application/json', [0xef, 0xbb, 0xbf, ...Buffer.from('{"a":1}')], { a: 1 }],
  ['text/plain; charset=iso-8859-1', [0xff, 0xfe, ...utf16('日')], '日'],
  ['text/plain; charset=no-such-charset', [...Buffer.from('é')], 'é'],
  ['text/plain', [...Buffer.from('é')], 'é'],
  [
    'application/json',
    [...Buffer.from('{"id":1234567890123456789,"n":[9007199254740991,1.5]}')],
    { id: '1234567890123456789', n: [9007199254740991, 1.5] },
  ],
];
let server: FakeHttpServer;
let module: TestingModule;
let http: HttpNode;

beforeAll(async () => {
  server = await startFakeHttpServer(({ path, body }, response) => {
    const [, route = '', status = ''] = path.split('/');
    if (route === 'status')
      return response.writeHead(Number(status), { 'retry-after': '2' }).end('the reason');
    if (route === 'reset') return response.socket?.destroy();
    if (route === 'hang') return undefined;
    if (route === 'text')
      return response.writeHead(200, { 'content-type': 'text/plain' }).end('{"not":"parsed"}');
    if (route === 'encoded') {
      const [type, bytes] = ENCODED[Number(status)]!;
      return response.writeHead(200, { 'content-type': type }).end(Buffer.from(bytes));
    }
    if (route === 'bad') return response.writeHead(200, { 'content-type': 'application/json' }).end('{');
    if (route === 'problem')
      return response
        .writeHead(200, { 'content-type': 'application/problem+json; charset=utf-8' })
        .end('{"a":1}');
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ got: body }));
  });
  module = await nodeTypes({ HTTP_ALLOWED_HOSTS: '127.0.0.1' });
  http = module.get(HttpNode);
});
afterAll(async () => {
  await module.close();
  await server.close();
});

const run = (path: string, config: Record<string, unknown> = {}) =>
  http.run(testRun(http.config.parse({ url: server.url + path, ...config })));

it('returns status, headers and the parsed body', async () => {
  expect(await run('/x?q=1')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: { got: '' },
  });
  expect(server.requests.at(-1)).toMatchObject({ method: 'GET', path: '/x?q=1' });
});

it.each([
  ['/text', '{"not":"parsed"}'],
  ['/bad', '{'],
  ['/problem', { a: 1 }],
])('returns the body of %s as %j', async (path, body) => expect(await run(path)).toMatchObject({ body }));

it.each(ENCODED.map(([type, , body], index) => [type, index, body] as const))(
  'decodes a body of type %s (case %i) as %j',
  async (_type, index, body) => expect(await run(`/encoded/${index}`)).toMatchObject({ body }),
);

it.each([
  ['JSON', { a: ['ü'] }, '{"a":["ü"]}', 'application/json'],
  ['null', null, 'null', 'application/json'],
  ['text', 'plain', 'plain', undefined],
])('sends %s as the request body', async (_what, body, sent, type) => {
  await run('/', { method: 'POST', body });
  expect(server.requests.at(-1)).toMatchObject({ body: sent });
  expect(server.requests.at(-1)!.headers['content-type']).toBe(type);
});

it('keeps a content type that the config names, in any letter case', async () => {
  await run('/', {
    method: 'PUT',
    body: { a: 1 },
    headers: { 'Content-Type': 'application/merge-patch+json', 'X-Mine': 'yes' },
  });
  expect(server.requests.at(-1)!.headers).toMatchObject({
    'content-type': 'application/merge-patch+json',
    'x-mine': 'yes',
  });
});

it.each<[string, number, string, boolean, number | undefined]>([
  ['GET', 404, 'http_status', false, undefined],
  ['GET', 400, 'http_status', false, undefined],
  ['GET', 304, 'http_status', false, undefined],
  ['GET', 408, 'http_unavailable', true, 2000],
  ['GET', 429, 'http_rate_limited', true, 2000],
  ['PUT', 500, 'http_unavailable', true, 2000],
  ['DELETE', 502, 'http_unavailable', true, 2000],
  ['POST', 429, 'http_rate_limited', true, 2000],
  ['POST', 503, 'http_unavailable', true, 2000],
  ['POST', 500, 'http_status', false, undefined],
  ['PATCH', 504, 'http_status', false, undefined],
  ['POST', 422, 'http_status', false, undefined],
])('turns a %s with status %i into the error %s', async (method, status, code, transient, wait) => {
  const error: unknown = await run(`/status/${status}`, { method }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code, message: expect.stringContaining(`status ${status}`) as string });
  expect(error instanceof TransientError).toBe(transient);
  if (wait !== undefined) expect((error as TransientError).retryAfterMs).toBe(wait);
});

it.each<[string, string, Record<string, unknown>, string, boolean]>([
  ['GET', '/reset', {}, 'http_connection_lost', true],
  ['DELETE', '/hang', { timeoutMs: 100 }, 'http_timeout', true],
  ['POST', '/reset', {}, 'http_connection_lost', false],
  ['PATCH', '/hang', { timeoutMs: 100 }, 'http_timeout', false],
  ['POST', '/reset', { retryUnsafe: true }, 'http_connection_lost', true],
  ['POST', '/status/500', { retryUnsafe: true }, 'http_unavailable', true],
])('after %s %s with %j fails with %s, transient: %p', async (method, path, config, code, transient) => {
  const error: unknown = await run(path, { method, ...config }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NodeError);
  expect([(error as NodeError).code, error instanceof TransientError]).toEqual([code, transient]);
});

it('fails with a transient error if a POST was never sent', async () => {
  const closed = await startFakeHttpServer(() => undefined);
  await closed.close();
  await expect(
    http.run(testRun(http.config.parse({ method: 'POST', url: closed.url }))),
  ).rejects.toMatchObject({ name: 'TransientError', code: 'http_connect_failed' });
});

it('accepts only the expected statuses', async () => {
  expect(await run('/status/404', { expectStatus: 404 })).toMatchObject({ status: 404, body: 'the reason' });
  expect(await run('/status/503', { expectStatus: [200, 503] })).toMatchObject({ status: 503 });
  await expect(run('/x', { expectStatus: 201 })).rejects.toMatchObject({ code: 'http_status' });
});

it('accepts a URL with placeholders in a posted config', () => {
  const config = http.config.parse({ url: '{{input}}/x' });
  expect(http.check(config)).toEqual([]);
});

it.each([
  ['not a url', 'invalid_config'],
  ['http://10.0.0.1/', 'host_not_allowed'],
])('fails at run time if the filled-in URL is %s', async (url, code) => {
  await expect(http.run(testRun(http.config.parse({ url })))).rejects.toMatchObject({ code });
});

it('rejects with the reason of the abort', async () => {
  const hanging = testRun(http.config.parse({ url: `${server.url}/hang` }));
  const ended = http.run(hanging);
  setTimeout(() => hanging.abort(), 50);
  await expect(ended).rejects.toThrow('aborted by the test');
});

it.each<[Record<string, unknown>, string]>([
  [{}, 'url'],
  [{ url: 'http://x', methd: 'GET' }, 'methd'],
  [{ url: 'http://x', method: 'TRACE' }, 'method'],
  [{ url: 'http://x', body: 'x' }, 'cannot be sent with GET'],
  [{ url: 'http://x', headers: { Host: 'y' } }, 'set by the HTTP client'],
  [{ url: 'http://x', headers: { 'Transfer-Encoding': 'chunked' } }, 'set by the HTTP client'],
  [{ url: 'http://x', headers: { 'a b': 'c' } }, 'not a valid header name'],
  [{ url: 'http://x', headers: { a: 'b\r\nc: d' } }, 'line breaks'],
  [{ url: 'http://x', timeoutMs: 0 }, 'timeoutMs'],
  [{ url: 'http://x', expectStatus: 99 }, 'expectStatus'],
])('refuses the config %j', (config, reason) => {
  expect(JSON.stringify(http.config.safeParse(config).error?.issues)).toContain(reason);
});
