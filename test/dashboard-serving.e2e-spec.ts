import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, Server } from './support/server.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

describe('the dashboard', () => {
  let server: Server;
  let asset: string;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    asset = `/assets/${(await readdir('web/dist/assets')).find((name) => name.endsWith('.js'))}`;
  });
  afterAll(() => server.kill('SIGTERM'));
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(new URL(path, server.url), { method, headers });

  it.each(['/', '/executions', '/executions/01890000-0000-7000-8000-000000000000', '/keys', '/start?x=1'])(
    'is served at %s to a browser, without inline scripts and styles',
    async (path) => {
      const page = await get(path, BROWSER);
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.headers.get('cache-control')).toBe('no-cache');
      const policy = page.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(
        /default-src 'none'.*script-src 'self'.*connect-src 'self'.*require-trusted-types-for 'script'/,
      );
      // Pictures in results of tools are the only content that is not a file of the server.
      expect(policy.replace("img-src 'self' data:", '')).not.toMatch(/unsafe|data:|https?:|\*/);
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      const html = await page.text();
      expect(html).toBe(await readFile('web/dist/index.html', 'utf8'));
      expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=/);
    },
  );

  it('is served at / for any Accept header, and for HEAD', async () => {
    expect((await get('/')).headers.get('content-type')).toContain('text/html');
    expect((await get('/', {}, 'HEAD')).status).toBe(200);
  });

  it('has immutable caching for files with a hash in their name', async () => {
    const hashed = await get(asset);
    expect([hashed.status, hashed.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(hashed.headers.get('content-type')).toContain('text/javascript');
  });

  it('has caching with revalidation for other files', async () => {
    const icon = await get('/favicon.svg');
    expect([icon.status, icon.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    const again = await get('/favicon.svg', {
      'if-modified-since': icon.headers.get('last-modified') ?? '',
      'cache-control': 'max-age=0',
    });
    expect(again.status).toBe(304);
  });

  it.each([
    ['/api/nowhere', BROWSER],
    ['/API/nowhere', BROWSER],
    ['/health/nowhere', BROWSER],
    ['/assets/missing.js', BROWSER],
    ['/assets/..%2findex.html', BROWSER],
    ['/assets/..%2f..%2fpackage.json', BROWSER],
    ['/executions', { accept: 'application/json' }],
    ['/nowhere', { accept: '*/*' }],
  ])('is not served at %s for %j, which stays a 404 problem', async (path, headers) => {
    const answer = await get(path, headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
    expect(((await answer.json()) as { code: string }).code).toBe('route_not_found');
  });

  it('does not replace other routes', async () => {
    expect((await get('/health/live', BROWSER)).headers.get('content-type')).toContain('json');
    expect((await get('/metrics', BROWSER)).headers.get('content-type')).not.toContain('html');
    expect(await (await get('/docs', BROWSER)).text()).toContain('swagger');
    expect((await get('/api/executions', BROWSER)).status).toBe(401);
    expect((await get('/executions', BROWSER, 'POST')).status).toBe(404);
  });
});

it('without a built dashboard the server answers dashboard_not_built and serves the API', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloutagent-web-'));
  const server = await Server.start({ DATABASE_URL: await createDatabase(), WEB_DIR: folder });
  const answer = await fetch(server.url);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    404,
    'dashboard_not_built',
  ]);
  expect((await server.call('GET', '/api/executions')).status).toBe(200);
  await server.kill('SIGTERM');
  await rm(folder, { recursive: true });
});
