import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type Dispatcher, fetch, request as send } from 'undici';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { HostPolicy, type HostResolver } from '../../src/engine/http/host-policy.js';
import { outboundDispatcher, type ProxySettings } from '../../src/engine/http/outbound-proxy.js';
import { RestrictedFetch } from '../../src/engine/http/restricted-fetch.js';
import { type HttpRequest, RestrictedHttpClient } from '../../src/engine/http/restricted-http-client.js';
import { ConnectProxy } from '../support/connect-proxy.js';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';

const TLS = (file: string) => readFileSync(join(import.meta.dirname, '../support/tls', file), 'utf8');

/** The addresses of the names in these tests, as this machine resolves them. */
const NAMES: Record<string, string[]> = {
  'public.test': ['8.8.8.8'],
  'provider.example': ['8.8.4.4'],
  'both.test': ['2606:4700::1111', '1.1.1.1'],
  'six.test': ['2606:4700::1111'],
  'private.test': ['10.0.0.1'],
  'mixed.test': ['8.8.8.8', '10.0.0.1'],
  'metadata.test': ['169.254.169.254'],
  'direct.test': ['127.0.0.1'],
};
const resolved: string[] = [];
const resolver: HostResolver = {
  resolve: (name) => {
    resolved.push(name);
    const addresses = NAMES[name];
    const code = name === 'no-dns.test' ? 'EAI_AGAIN' : 'ENOTFOUND';
    return addresses ? Promise.resolve(addresses) : Promise.reject(Object.assign(new Error('no'), { code }));
  },
};

let proxy: ConnectProxy;
let server: FakeHttpServer;
let encrypted: Http2SecureServer;
/** The versions of HTTP that clients used with the encrypted server. */
const versions: string[] = [];
const open: { onApplicationShutdown(): Promise<void> }[] = [];
const ofMachine = getCACertificates('default');

beforeAll(async () => {
  proxy = await ConnectProxy.start();
  server = await startFakeHttpServer(({ path }, response) => {
    const to = /^\/to\/(.*)$/.exec(path)?.[1];
    if (to === undefined) response.end('fine');
    else response.writeHead(302, { location: decodeURIComponent(to) }).end();
  });
  encrypted = createSecureServer(
    { key: TLS('server.key.pem'), cert: TLS('server.pem'), allowHTTP1: true },
    (request, response) => {
      versions.push(request.httpVersion);
      response.end('encrypted');
    },
  );
  await once(encrypted.listen(0, '127.0.0.1'), 'listening');
  // What NODE_EXTRA_CA_CERTS does at the start of a process.
  setDefaultCACertificates([...ofMachine, TLS('ca.pem')]);
});
afterAll(async () => {
  setDefaultCACertificates(ofMachine);
  await Promise.all(open.map((each) => each.onApplicationShutdown()));
  await proxy.close();
  await server.close();
  encrypted.close();
});
beforeEach(() => {
  proxy.asked.splice(0);
  proxy.answer = 200;
  proxy.ports.clear();
  for (const target of ['8.8.8.8:80', '1.1.1.1:80', '[2606:4700::1111]:80', 'inside.test:80', '8.8.8.8:8080'])
    proxy.ports.set(target, server.port);
  const { port } = encrypted.address() as AddressInfo;
  proxy.ports.set('8.8.4.4:443', port);
  proxy.ports.set('8.8.8.8:443', port);
  proxy.ports.set('provider.example:443', port);
  resolved.splice(0);
  versions.splice(0);
});

const settings = (more: ProxySettings = {}) => ({
  HTTP_RESPONSE_MAX_BYTES: 10_000,
  HTTP_TIMEOUT_MS: 5_000,
  OUTPUT_MAX_DEPTH: 100,
  OUTPUT_MAX_PARTS: 20_000,
  HTTP_PROXY: proxy.url('user:p%40ssword'),
  ...more,
});
function clientFor(allowed: string[] = [], more: ProxySettings = {}): RestrictedHttpClient {
  const client = new RestrictedHttpClient(
    settings(more),
    new HostPolicy({ HTTP_ALLOWED_HOSTS: allowed }, resolver),
  );
  open.push(client);
  return client;
}
const ask = (client: RestrictedHttpClient, url: string, more: Partial<HttpRequest> = {}) =>
  client.request({ method: 'GET', url, signal: new AbortController().signal, ...more });
const failure = async (...request: Parameters<typeof ask>): Promise<NodeError> => {
  const outcome: unknown = await ask(...request).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(NodeError);
  return outcome as NodeError;
};
const targets = () => proxy.asked.map(({ target }) => target);

describe('Requests to hosts that callers name, with a proxy', () => {
  it.each([
    ['http://public.test/', '8.8.8.8:80'],
    ['http://public.test:8080/', '8.8.8.8:8080'],
    ['http://8.8.8.8/', '8.8.8.8:80'],
    ['http://both.test/', '1.1.1.1:80'],
    ['http://six.test/', '[2606:4700::1111]:80'],
  ])('%s goes through it to the checked address', async (url, target) => {
    expect((await ask(clientFor(), url)).body).toBe('fine');
    expect(proxy.asked).toEqual([
      { target, authorization: `Basic ${Buffer.from('user:p@ssword').toString('base64')}` },
    ]);
    expect(server.requests.at(-1)!.headers.host).toBe(new URL(url).host);
    expect(server.requests.at(-1)!.headers).not.toHaveProperty('proxy-authorization');
  });

  it.each([
    'http://private.test/',
    'http://mixed.test/',
    'http://metadata.test/latest/meta-data/',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.0.0.1/',
    'http://127.0.0.1/',
    'http://127.0.0.2/',
    'http://localhost./',
    'http://[::ffff:10.0.0.1]/',
    'https://private.test/',
  ])('%s is refused, and the proxy does not hear of it', async (url) => {
    expect((await failure(clientFor(), url)).code).toMatch(/^host_not_(allowed|found)$/);
    expect(proxy.asked).toEqual([]);
  });

  it('a redirect to a private host is refused', async () => {
    const error = await failure(
      clientFor(),
      `http://public.test/to/${encodeURIComponent('http://10.0.0.1/')}`,
    );
    expect([error.code, targets()]).toEqual(['host_not_allowed', ['8.8.8.8:80']]);
  });

  it('a host of HTTP_ALLOWED_HOSTS goes through it by name, and is not resolved here', async () => {
    expect((await ask(clientFor(['*.test:80']), 'http://inside.test/')).body).toBe('fine');
    expect([targets(), resolved]).toEqual([['inside.test:80'], []]);
  });

  it.each([
    ['nowhere.test', 'host_not_found', false],
    ['no-dns.test', 'http_connect_failed', true],
  ])(
    'the name %s, which only the proxy could resolve, fails with %s and a hint',
    async (name, code, transient) => {
      const error = await failure(clientFor(['other.test']), `http://${name}/`);
      expect([error.code, error instanceof TransientError, targets()]).toEqual([code, transient, []]);
      expect(error.message).toContain('HTTP_ALLOWED_HOSTS');
    },
  );

  it('a host of NO_PROXY is reached without it, if it is allowed', async () => {
    const url = `http://direct.test:${server.port}/`;
    expect((await ask(clientFor(['direct.test'], { NO_PROXY: '.test' }), url)).body).toBe('fine');
    expect((await failure(clientFor([], { NO_PROXY: '.test' }), url)).code).toBe('host_not_allowed');
    expect(proxy.asked).toEqual([]);
  });

  it('TLS inside the tunnel verifies the name, with the authorities of this process', async () => {
    expect((await ask(clientFor(), 'https://provider.example/')).body).toBe('encrypted');
    // The certificate is not for this name.
    expect((await failure(clientFor(), 'https://public.test/')).code).toBe('http_tls_failed');
    expect([targets(), versions]).toEqual([['8.8.4.4:443', '8.8.8.8:443'], ['1.1']]);
  });

  it.each([403, 407, 502])('a proxy that answers %i is named in the error', async (status) => {
    proxy.answer = status;
    const error = await failure(clientFor(), 'https://public.test/');
    expect([error.code, error instanceof TransientError]).toEqual(['http_connect_failed', true]);
    expect(error.message).toContain(`refused to connect to public.test (status ${status})`);
    expect(error.message).not.toContain('ssword');
  });

  it('a proxy that cannot be reached is named in the error', async () => {
    const closed = await ConnectProxy.start();
    const url = closed.url();
    await closed.close();
    const error = await failure(clientFor([], { HTTP_PROXY: url }), 'https://public.test/');
    expect([error.code, error.message]).toEqual([
      'http_connect_failed',
      'The proxy of this server cannot be reached (ECONNREFUSED).',
    ]);
  });

  it('a proxy that does not answer ends with the time limit', async () => {
    proxy.answer = 'hang';
    const error = await failure(clientFor(), 'https://public.test/', { timeoutMs: 200 });
    // The limit of the connection to the proxy, which is longer, has another code.
    expect(error.code).toBe('http_timeout');
  });

  it('a header for the proxy is refused', async () => {
    const headers = { 'Proxy-Authorization': 'Basic abc' };
    expect((await failure(clientFor(), 'http://public.test/', { headers })).code).toBe('invalid_config');
  });

  it('the streaming fetch of MCP servers that authors name is checked as well', async () => {
    const client = new RestrictedFetch(settings(), new HostPolicy({ HTTP_ALLOWED_HOSTS: [] }, resolver));
    open.push(client);
    const limited = client.with({
      isTrusted: false,
      maxBytes: 1_000,
      maxBytesSetting: 'MCP_RESPONSE_MAX_BYTES',
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    });
    expect(await (await limited('http://public.test/mcp')).text()).toBe('fine');
    await expect(limited('http://private.test/mcp')).rejects.toMatchObject({ code: 'host_not_allowed' });
    expect(targets()).toEqual(['8.8.8.8:80']);
  });
});

describe('Requests to hosts that the operator names, with a proxy', () => {
  let dispatcher: Dispatcher;
  beforeEach(() => (dispatcher = outboundDispatcher(settings())));
  afterEach(() => dispatcher.destroy());

  it('go through it by name, with HTTP/1.1 inside the tunnel', async () => {
    const response = await fetch('https://provider.example/v1', { dispatcher });
    expect(await response.text()).toBe('encrypted');
    expect([targets(), versions, resolved]).toEqual([['provider.example:443'], ['1.1'], []]);
  });

  it('fail with the status of a proxy that refuses', async () => {
    proxy.answer = 407;
    await expect(send('https://provider.example/v1', { dispatcher })).rejects.toThrow(
      'refused to connect to provider.example (status 407)',
    );
  });
});
