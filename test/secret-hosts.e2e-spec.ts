import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const VALUE = 'sk-hosts-0123456789';
const node = (config: object) => ({ id: 'h', type: 'http', data: { config } });

describe('a secret', () => {
  /** Where secrets may be sent, and where they may not. Each redirects to the address in its query. */
  let home: FakeHttpServer;
  let evil: FakeHttpServer;
  let server: Server;
  beforeAll(async () => {
    const serve = () =>
      startFakeHttpServer(({ path }, response) => {
        const { searchParams } = new URL(path, 'http://x');
        const to = searchParams.get('to');
        if (to !== null) response.writeHead(Number(searchParams.get('status') ?? 302), { location: to });
        response.end('{}');
      });
    [home, evil] = await Promise.all([serve(), serve()]);
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      SECRETS_KEY: `k:${randomBytes(32).toString('base64')}`,
      HTTP_ALLOWED_HOSTS: '127.0.0.1,localhost,[::1]',
      RETRY_BASE_MS: '1',
    });
    const set = async (name: string, allowedHosts?: string[]) => {
      const body = { value: VALUE, allowedHosts };
      expect((await server.call('PUT', `/api/secrets/demo/${name}`, body)).status).toBe(200);
    };
    await set('HOME', [`127.0.0.1:${home.port}`]);
    await set('NAMED', ['127.0.0.1']);
    await set('SUBDOMAINS', ['*.0.0.1', '*.localhost']);
    await set('ANY');
    await server.call('PUT', '/api/secrets/demo/HOST', { value: `${evil.url}/x` });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await Promise.all([home.close(), evil.close()]);
  });

  const run = async (nodes: object[], input: unknown = 'x') => {
    const id = await server.startExecution(start(nodes, [], { input }));
    const { frames } = await new Watch(server.url, pathOf(id)).done();
    return { frames, type: frames.at(-1)!.type, code: frames.at(-1)!.data['code'] as string | undefined };
  };
  /** The requests since a moment that have the value in any place. */
  const leaks = ({ requests }: FakeHttpServer): string[] =>
    requests.map((request) => JSON.stringify(request)).filter((text) => text.includes(VALUE));

  it('is sent to a host and port that its allowedHosts name', async () => {
    for (const [name, url] of [
      ['HOME', `${home.url}/`],
      ['HOME', `http://127.1:${home.port}/`],
      ['NAMED', `${home.url}/`],
      ['ANY', `http://LOCALHOST.:${home.port}/`],
    ] as const) {
      const before = leaks(home).length;
      expect(await run([node({ url, headers: { a: `{{secrets.${name}}}` } })])).toMatchObject({
        type: 'execution:completed',
      });
      expect(leaks(home)).toHaveLength(before + 1);
    }
  });

  it.each<[string, string, () => string]>([
    ['another port', 'HOME', () => evil.url],
    ['another name of the same address', 'NAMED', () => `http://localhost:${home.port}/`],
    ['the same address in IPv6', 'NAMED', () => `http://[::ffff:127.0.0.1]:${home.port}/`],
    ['the host as user name', 'HOME', () => `{{input.scheme}}127.0.0.1:${home.port}@localhost:${evil.port}/`],
    ['the host after a backslash', 'HOME', () => `http://localhost:${evil.port}\\@127.0.0.1:${home.port}/`],
    ['the host in the fragment', 'HOME', () => `http://localhost:${evil.port}#@127.0.0.1:${home.port}/`],
    ['the host as a subdomain', 'NAMED', () => `http://127.0.0.1.localhost:${evil.port}/`],
    ['a name that only ends like a subdomain', 'SUBDOMAINS', () => `http://evillocalhost:${evil.port}/`],
    ['the parent of its subdomains', 'SUBDOMAINS', () => `http://localhost:${evil.port}/`],
    ['a host from the input', 'HOME', () => '{{input.url}}'],
    ['a host from another secret', 'HOME', () => '{{secrets.HOST}}'],
  ])('is not sent to %s', async (_what, name, url) => {
    for (const place of [
      { headers: { a: `Bearer {{secrets.${name}}}` } },
      { method: 'POST', body: { a: [`{{secrets.${name}}}`] } },
    ]) {
      const requests = [home, evil].map((each) => each.requests.length);
      expect(
        await run([node({ url: url(), ...place })], { url: `${evil.url}/input`, scheme: 'http://' }),
      ).toMatchObject({
        type: 'execution:failed',
        code: 'secret_not_allowed',
      });
      expect([home, evil].map((each) => each.requests.length)).toEqual(requests);
    }
  });

  it.each([301, 302, 303, 307, 308])(
    'is not sent to another origin by a redirect with %i',
    async (status) => {
      const to = (target: string) => `${home.url}/?status=${status}&to=${encodeURIComponent(target)}`;
      const [before, received] = [leaks(evil).length, evil.requests.length];
      for (const [method, place] of [
        ['GET', { headers: { authorization: 'Bearer {{secrets.ANY}}' } }],
        ['POST', { body: { token: '{{secrets.HOME}}' }, retryUnsafe: true }],
        ['GET', { headers: { accept: '{{secrets.ANY}}' } }],
      ] as const)
        for (const target of [
          `${evil.url}/`,
          `http://localhost:${home.port}/`,
          `https://127.0.0.1:${home.port}/`,
          // Within the origin, and then out of it.
          to(`${evil.url}/`),
        ])
          expect(await run([node({ method, url: to(target), ...place })])).toMatchObject({
            type: 'execution:failed',
            code: 'secret_not_allowed',
          });
      expect([leaks(evil).length, evil.requests.length]).toEqual([before, received]);
      // Without a secret it is followed, and with one inside the origin.
      expect(await run([node({ url: to(`${evil.url}/`) })])).toMatchObject({ type: 'execution:completed' });
      expect(await run([node({ url: to('/x'), headers: { a: '{{secrets.HOME}}' } })])).toMatchObject({
        type: 'execution:completed',
      });
    },
  );

  it('in the URL itself is not carried on by a redirect', async () => {
    const received = evil.requests.length;
    const url = `${home.url}/?k={{secrets.ANY}}&to=${encodeURIComponent(`${evil.url}/`)}`;
    expect(await run([node({ url })])).toMatchObject({
      type: 'execution:failed',
      code: 'secret_not_allowed',
    });
    expect(evil.requests).toHaveLength(received);
  });

  it('of a tool fails the call, and the model reads why', async () => {
    const toolTo = (url: string) =>
      agent(
        'a',
        { toolCall: { name: 'look', args: { q: 'x' } } },
        {
          tools: [
            {
              name: 'look',
              description: 'L.',
              inputSchema: { type: 'object' },
              http: { method: 'GET', url, headers: { a: '{{secrets.HOME}}' } },
            },
          ],
        },
      );
    const received = evil.requests.length;
    for (const url of [evil.url, `${home.url}/?to=${encodeURIComponent(evil.url)}`]) {
      const { frames, type } = await run([toolTo(url)]);
      expect(type).toBe('execution:completed');
      const { data } = frames.find((frame) => frame.type === 'execution:tool-result')!;
      expect(data.isError).toBe(true);
      expect(JSON.stringify(data)).not.toContain(VALUE);
    }
    expect(evil.requests).toHaveLength(received);
  });

  it('of an MCP server fails the agent before anything is sent', async () => {
    const received = evil.requests.length;
    const mcp = [{ url: `${evil.url}/mcp`, headers: { a: '{{secrets.HOME}}' } }];
    expect(await run([agent('a', {}, { mcp })])).toMatchObject({
      type: 'execution:failed',
      code: 'secret_not_allowed',
    });
    expect(evil.requests).toHaveLength(received);
  });

  it('is sent again in a retry, and read anew for it', async () => {
    const values: (string | undefined)[] = [];
    const flaky = createServer((request, response) => {
      values.push(request.headers['x-token'] as string | undefined);
      if (values.length > 1) return void response.end('{}');
      void server
        .call('PUT', '/api/secrets/demo/RETRIED', { value: 'the-second-value' })
        .then(() => response.writeHead(503).end());
    });
    await new Promise<void>((resolve) => flaky.listen(0, '127.0.0.1', resolve));
    await server.call('PUT', '/api/secrets/demo/RETRIED', { value: 'the-first-value' });
    try {
      const url = `http://127.0.0.1:${(flaky.address() as AddressInfo).port}/`;
      expect(await run([node({ url, headers: { 'x-token': '{{secrets.RETRIED}}' } })])).toMatchObject({
        type: 'execution:completed',
      });
      expect(values).toEqual(['the-first-value', 'the-second-value']);
    } finally {
      flaky.close();
    }
  });
});
