import { createServer, type AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { HostPolicy, type HostResolver } from '../../src/engine/http/host-policy.js';
import { nextHop } from '../../src/engine/http/redirect.js';
import { type HttpRequest, RestrictedHttpClient } from '../../src/engine/http/restricted-http-client.js';

let server: FakeHttpServer;
let other: FakeHttpServer;
const asked: string[] = [];
const open: RestrictedHttpClient[] = [];

/** The addresses of the names in these tests. */
const NAMES: Record<string, string[]> = {
  localhost: ['127.0.0.1', '::1'],
  'local.test': ['127.0.0.1'],
  'first.test': ['127.0.0.1'],
  'public.test': ['8.8.8.8'],
  'other.test': ['127.0.0.1'],
  'a.sub.test': ['127.0.0.1'],
  'sub.test': ['127.0.0.1'],
  'mixed.test': ['8.8.8.8', '10.0.0.1'],
  'mapped.test': ['::ffff:10.0.0.1'],
  'nat64.test': ['64:ff9b::7f00:1'],
  'cloud.test': ['169.254.169.254'],
  'empty.test': [],
};
const resolver: HostResolver = {
  resolve: (name) => {
    asked.push(name);
    const addresses = NAMES[name];
    return addresses
      ? Promise.resolve(addresses)
      : Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  },
};

function clientFor(
  allowed: string[] = [],
  settings: { HTTP_RESPONSE_MAX_BYTES?: number; HTTP_TIMEOUT_MS?: number } = {},
  names = resolver,
): RestrictedHttpClient {
  const http = new RestrictedHttpClient(
    {
      HTTP_RESPONSE_MAX_BYTES: 10_000,
      HTTP_TIMEOUT_MS: 2_000,
      OUTPUT_MAX_DEPTH: 100,
      OUTPUT_MAX_PARTS: 20_000,
      ...settings,
    },
    new HostPolicy({ HTTP_ALLOWED_HOSTS: allowed }, names),
  );
  open.push(http);
  return http;
}
const ask = (http: RestrictedHttpClient, url: string, more: Partial<HttpRequest> = {}) =>
  http.request({ method: 'GET', url, signal: new AbortController().signal, ...more });
const failure = async (
  http: RestrictedHttpClient,
  url: string,
  more: Partial<HttpRequest> = {},
): Promise<NodeError> => {
  const outcome: unknown = await ask(http, url, more).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(NodeError);
  return outcome as NodeError;
};

const ZEROS = Buffer.alloc(20_000_000);

beforeAll(async () => {
  server = await startFakeHttpServer(({ path, body }, response) => {
    const [, route = '', argument = ''] = /^\/([a-z]+)\/?(.*)$/.exec(path) ?? [];
    const send = (headers: Record<string, string>, content: Buffer | string) =>
      response.writeHead(200, headers).end(content);
    switch (route) {
      case 'to':
        return response.writeHead(302, { location: decodeURIComponent(argument) }).end('moved');
      case 'status': {
        const [status, location] = argument.split('/');
        return response
          .writeHead(Number(status), location ? { location: decodeURIComponent(location) } : {})
          .end();
      }
      case 'loop':
        return response.writeHead(302, { location: '/loop' }).end();
      case 'count':
        return response
          .writeHead(302, { location: Number(argument) > 1 ? `/count/${Number(argument) - 1}` : '/fine' })
          .end();
      case 'bytes':
        return send({}, 'x'.repeat(Number(argument)));
      case 'gzip':
        return send({ 'content-encoding': 'gzip' }, gzipSync('zipped'));
      case 'br':
        return send({ 'content-encoding': 'br' }, brotliCompressSync('zipped'));
      case 'deflate':
        return send({ 'content-encoding': 'deflate' }, deflateSync('zipped'));
      case 'bomb':
        return send({ 'content-encoding': 'gzip' }, gzipSync(ZEROS));
      case 'brbomb':
        return send({ 'content-encoding': 'br' }, brotliCompressSync(ZEROS));
      case 'odd':
        return send({ 'content-encoding': 'zstd' }, 'x');
      case 'cut':
        return send({ 'content-encoding': 'gzip' }, gzipSync('zipped').subarray(0, 12));
      case 'reset':
        return response.socket?.destroy();
      case 'half':
        response.writeHead(200, { 'content-length': '100' });
        return response.write('half', () => response.socket?.destroy());
      case 'hang':
        return undefined;
      case 'trickle': {
        response.writeHead(200);
        const drip = setInterval(() => response.write('x'), 20);
        return response.on('close', () => clearInterval(drip));
      }
      default:
        return send(
          { 'content-type': 'text/plain', 'set-cookie': 'a=b', 'X-Upper': 'Y' },
          `fine ${body}`.trim(),
        );
    }
  });
  other = await startFakeHttpServer((_request, response) => response.end('other'));
});

afterAll(async () => {
  await Promise.all(open.map((http) => http.onApplicationShutdown()));
  await server.close();
  await other.close();
});

/** Spellings of addresses that are not allowed, and names that resolve to such addresses. */
const PRIVATE = [
  'http://127.0.0.1:PORT/',
  'http://127.0.0.1.:PORT/',
  'http://127.1:PORT/',
  'http://2130706433:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://017700000001:PORT/',
  'http://0x7f.0.0.1:PORT/',
  'http://0x7f.1:PORT/',
  'http://0x7f000001:PORT/',
  'http://0300.0xa8.1:PORT/',
  'http://%31%32%37.0.0.1:PORT/',
  'http://127.0.0.1\\@public.test:PORT/',
  'http://127.0.0.1:PORT#@public.test/',
  'http://localhost:PORT/',
  'http://LOCALHOST.:PORT/',
  'http://0/',
  'http://0.0.0.0:PORT/',
  'http://[::]:PORT/',
  'http://[::1]:PORT/',
  'http://[0:0:0:0:0:0:0:1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[0:0:0:0:0:FFFF:7F00:0001]:PORT/',
  'http://[::ffff:0:127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]/',
  'http://[2002:7f00:1::]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://169.254.169.254/latest/meta-data/',
  'http://2852039166/latest/meta-data/',
  'http://[::ffff:a9fe:a9fe]/latest/meta-data/',
  'http://10.0.0.1/',
  'http://192.168.0.1/',
  'http://100.100.100.200/',
  'https://127.0.0.1:PORT/',
  'http://local.test:PORT/',
  'http://local.test.:PORT/',
  'http://mixed.test:PORT/',
  'http://mapped.test:PORT/',
  'http://nat64.test:PORT/',
  'http://cloud.test/',
  'http://empty.test/',
  'http://public.test@127.0.0.1:PORT/',
  'http://public.test:80@127.0.0.1:PORT/',
  'http://public.test%2f@127.0.0.1:PORT/',
];

it.each([
  ...PRIVATE,
  // In a Location header these could not be sent, or would be relative.
  'http://①②⑦.⓪.⓪.①:PORT/',
  'http://127。0。0。1:PORT/',
  'http://127.0.\n0.1:PORT/',
  'http:127.0.0.1:PORT/',
])('refuses %j without an allow-list', async (url) => {
  const before = server.connections();
  const error = await failure(clientFor(), url.replace('PORT', String(server.port)));
  expect([error.code, error instanceof TransientError]).toEqual(['host_not_allowed', false]);
  expect(server.connections()).toBe(before);
});

it.each([
  ['file:///etc/passwd', 'host_not_allowed'],
  ['ftp://local.test/', 'host_not_allowed'],
  ['gopher://local.test/', 'host_not_allowed'],
  ['data:text/plain,hi', 'host_not_allowed'],
  ['http://user:secret@local.test/', 'host_not_allowed'],
  ['http://user@local.test/', 'host_not_allowed'],
  ['/relative', 'invalid_config'],
  ['http://', 'invalid_config'],
  ['http://a b/', 'invalid_config'],
  ['{{input}}', 'invalid_config'],
])('refuses the URL %s with the error %s', async (url, code) => {
  const error = await failure(clientFor(['local.test']), url);
  expect(error.code).toBe(code);
  expect(error.message).not.toContain('secret');
});

describe('with an allow-list', () => {
  it.each<[string, string, boolean]>([
    ['local.test', 'local.test', true],
    ['LOCAL.TEST', 'local.test', true],
    ['local.test', 'LOCAL.test.', true],
    ['local.test', 'other.test', false],
    ['*.sub.test', 'a.sub.test', true],
    ['*.sub.test', 'sub.test', false],
    ['*.test', 'local.test', true],
    ['sub.test', 'a.sub.test', false],
    ['local.test:PORT', 'local.test', true],
    ['local.test:1', 'local.test', false],
    ['*.sub.test:PORT', 'a.sub.test', true],
    ['*.sub.test:1', 'a.sub.test', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '2130706433', true],
    ['127.0.0.1', 'local.test', true],
    ['127.0.0.1:PORT', '127.0.0.1', true],
    ['127.0.0.1:1', '127.0.0.1', false],
    ['127.0.0.0/8', '127.0.0.1', true],
    ['127.0.0.0/8', 'local.test', true],
    ['10.0.0.0/8', '127.0.0.1', false],
    ['10.0.0.0/8', 'mixed.test', false],
    ['local.test', '127.0.0.1', false],
    ['', '127.0.0.1', false],
  ])('with the entry %s allows %s: %p', async (entry, host, allowed) => {
    const http = clientFor([entry.replace('PORT', String(server.port)), 'unrelated.test']);
    const url = `http://${host}:${server.port}/`;
    if (allowed) expect((await ask(http, url)).body).toBe('fine');
    else expect((await failure(http, url)).code).toBe('host_not_allowed');
  });

  it('refuses public hosts that the allow-list does not name', async () => {
    expect((await failure(clientFor(['local.test']), 'http://8.8.8.8/')).code).toBe('host_not_allowed');
  });
});

it('resolves a name once and connects to the address of that answer', async () => {
  let answers = 0;
  const rebinding: HostResolver = {
    resolve: () => Promise.resolve(answers++ === 0 ? ['127.0.0.1'] : ['10.0.0.1']),
  };
  const http = clientFor(['rebind.test'], {}, rebinding);
  expect((await ask(http, `http://rebind.test:${server.port}/`)).body).toBe('fine');
  expect(answers).toBe(1);
  expect(server.requests.at(-1)!.headers.host).toBe(`rebind.test:${server.port}`);
});

it('sends the host name in TLS, which verifies the certificate against it', async () => {
  const hello = Promise.withResolvers<string>();
  const raw = createServer((socket) =>
    socket.once('data', (data) => {
      hello.resolve(data.toString('latin1'));
      socket.destroy();
    }),
  );
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
  await failure(clientFor(['local.test']), `https://local.test:${(raw.address() as AddressInfo).port}/`);
  expect(await hello.promise).toContain('local.test');
  raw.close();
});

describe('redirect', () => {
  const at = (path: string) => `http://local.test:${server.port}${path}`;
  const to = (url: string) => at(`/to/${encodeURIComponent(url)}`);

  it.each([
    ['//other.test:PORT/', 'host_not_allowed'],
    ['file:///etc/passwd', 'host_not_allowed'],
    ['http://user:pass@local.test:PORT/', 'host_not_allowed'],
    ['http://a b/', 'redirect_not_allowed'],
  ])('to %s fails with %s', async (location, code) => {
    const http = clientFor([`local.test:${server.port}`]);
    expect((await failure(http, to(location.replace('PORT', String(server.port))))).code).toBe(code);
  });

  it.each(PRIVATE)('to %j is not followed', async (url) => {
    const path = `/to/${encodeURIComponent(url.replace('PORT', String(server.port)))}`;
    const error = await failure(clientFor(['first.test']), `http://first.test:${server.port}${path}`);
    expect(error.code).toBe('host_not_allowed');
    expect(server.requests.at(-1)!.path).toBe(path);
  });

  it('is followed at most five times', async () => {
    const http = clientFor(['local.test']);
    expect((await ask(http, at('/count/5'))).body).toBe('fine');
    expect((await failure(http, at('/count/6'))).code).toBe('too_many_redirects');
    expect((await failure(http, at('/loop'))).code).toBe('too_many_redirects');
  });

  it('keeps all headers on the same origin, and only harmless ones on another origin', async () => {
    const http = clientFor(['local.test', '127.0.0.1']);
    const headers = {
      Authorization: 'a',
      Cookie: 'b',
      'X-API-Key': 'c',
      'X-Whatever': 'd',
      Accept: 'text/plain',
      'User-Agent': 'us',
    };
    await ask(http, to('/fine'), { headers });
    expect(server.requests.at(-1)!.headers).toMatchObject({
      authorization: 'a',
      cookie: 'b',
      'x-api-key': 'c',
      'x-whatever': 'd',
    });
    await ask(http, to(`${other.url}/`), { headers });
    const left = other.requests.at(-1)!.headers;
    expect(left).toMatchObject({ accept: 'text/plain', 'user-agent': 'us' });
    for (const name of ['authorization', 'cookie', 'x-api-key', 'x-whatever'])
      expect(left).not.toHaveProperty(name);
  });

  it.each<[number, string, string, string]>([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [303, 'POST', 'GET', ''],
    [307, 'POST', 'POST', 'data'],
    [308, 'PUT', 'PUT', 'data'],
    [302, 'PUT', 'PUT', 'data'],
  ])('with status %i turns a %s into a %s', async (status, method, then, body) => {
    await ask(clientFor(['local.test']), at(`/status/${status}/${encodeURIComponent('/fine')}`), {
      method,
      body: 'data',
    });
    expect(server.requests.at(-1)).toMatchObject({ method: then, path: '/fine', body });
  });

  it('is never followed from https to http', () => {
    const hop = { url: new URL('https://a.test/'), method: 'GET', headers: {}, body: undefined };
    expect(() => nextHop(hop, 302, 'http://a.test/')).toThrow(
      expect.objectContaining({ code: 'redirect_not_allowed' }) as Error,
    );
    expect(nextHop(hop, 302, '/b')?.url.href).toBe('https://a.test/b');
  });

  it('without a location is a normal response', async () => {
    expect((await ask(clientFor(['local.test']), at('/status/302'))).status).toBe(302);
    expect((await ask(clientFor(['local.test']), at('/status/304'))).status).toBe(304);
  });
});

describe('response', () => {
  const at = (path: string) => `${server.url}${path}`;
  const allowed = ['127.0.0.1'];

  it('has header names in lower case', async () => {
    const answer = await ask(clientFor(allowed), at('/fine'), { method: 'POST', body: 'grüß' });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'x-upper': 'Y', 'set-cookie': 'a=b' },
      body: 'fine grüß',
    });
  });

  it('with an error status is not an error', async () => {
    expect((await ask(clientFor(allowed), at('/status/503'))).status).toBe(503);
  });

  it.each(['gzip', 'br', 'deflate'])('is decompressed from %s', async (encoding) => {
    expect((await ask(clientFor(allowed), at(`/${encoding}`))).body).toBe('zipped');
  });

  it('to HEAD is empty even if its headers describe a body', async () => {
    expect((await ask(clientFor(allowed), at('/gzip'), { method: 'HEAD' })).body).toBe('');
  });

  it('may have exactly as many bytes as the limit', async () => {
    expect((await ask(clientFor(allowed), at('/bytes/10000'))).body).toHaveLength(10_000);
    expect((await failure(clientFor(allowed), at('/bytes/10001'))).code).toBe('response_too_large');
  });

  it.each(['/bomb', '/brbomb', '/bytes/5000000'])('is not read beyond the limit: %s', async (path) => {
    // Decompression takes long on a busy machine.
    const http = clientFor(allowed, { HTTP_TIMEOUT_MS: 20_000 });
    const before = process.memoryUsage().rss;
    expect((await failure(http, at(path))).code).toBe('response_too_large');
    expect(process.memoryUsage().rss - before).toBeLessThan(30_000_000);
    expect((await ask(http, at('/fine'))).body).toBe('fine');
  });

  it('in an unsupported encoding is refused', async () => {
    expect((await failure(clientFor(allowed), at('/odd'))).code).toBe('unknown_encoding');
  });

  it.each([
    ['a reset', '/reset', 'http_connection_lost'],
    ['an early end', '/half', 'http_connection_lost'],
    ['an early end of compressed data', '/cut', 'http_connection_lost'],
    ['silence', '/hang', 'http_timeout'],
    ['a trickle', '/trickle', 'http_timeout'],
  ])('with %s fails with a transient error', async (_what, path, code) => {
    const error = await failure(clientFor(allowed), at(path), { timeoutMs: 1_500 });
    expect([error.code, error instanceof TransientError]).toEqual([code, true]);
  });

  it('of a closed port fails with a transient error', async () => {
    const closed = await startFakeHttpServer(() => undefined);
    await closed.close();
    const error = await failure(clientFor(allowed), closed.url);
    expect([error.code, error instanceof TransientError]).toEqual(['http_connect_failed', true]);
  });

  it('of an unknown name fails permanently', async () => {
    const error = await failure(clientFor(['nowhere.test']), 'http://nowhere.test/');
    expect([error.code, error instanceof TransientError]).toEqual(['host_not_found', false]);
  });

  it.each(['/hang', '/trickle'])('stops immediately when the request is aborted: %s', async (path) => {
    const controller = new AbortController();
    const ended = ask(clientFor(allowed), at(path), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(ended).rejects.toThrow('enough');
  });
});
