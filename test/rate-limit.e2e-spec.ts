import type { NestExpressApplication } from '@nestjs/platform-express';
import { admin, bearer, boot, bootOnNewDatabase, call, makeKeyAt } from './support/auth-app.js';
import { ADMIN_KEY } from './support/server.js';

let database: string;
let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  ({ app, url, database } = await bootOnNewDatabase());
});
afterAll(() => app.close());

const makeKey = (body?: object, as?: typeof admin) => makeKeyAt(url, body, as);

describe('the rate limit', () => {
  it('is shared by all routes of a principal and counts down', async () => {
    const small = await boot({
      DATABASE_URL: database,
      RATE_LIMIT_REQUESTS: '3',
      RATE_LIMIT_WINDOW_MS: '60000',
    });
    const { key } = (await makeKey()).body;
    const get = (path: string, headers: Record<string, string>) =>
      call(`${small.url}/api/things/${path}`, { headers });
    const first = await get('mine', admin);
    expect(['limit', 'remaining', 'reset'].map((name) => first.headers.get(`ratelimit-${name}`))).toEqual([
      '3',
      '2',
      '60',
    ]);
    await get('x/stream', admin);
    await get('mine', { 'x-api-key': ADMIN_KEY });
    const refused = await get('x/stream', admin);
    expect([refused.status, refused.code]).toEqual([429, 'rate_limited']);
    expect(refused.headers.get('ratelimit-remaining')).toBe('0');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await get('mine', bearer(key))).status).toBe(200);
    for (const left of ['2', '1', '0'])
      expect((await get('open', {})).headers.get('ratelimit-remaining')).toBe(left);
    expect((await get('open', {})).status).toBe(429);
    await small.app.close();
  });

  it('resets after its window', async () => {
    const small = await boot({
      DATABASE_URL: database,
      RATE_LIMIT_REQUESTS: '1',
      RATE_LIMIT_WINDOW_MS: '1000',
    });
    const get = () => call(`${small.url}/api/things/open`);
    expect((await get()).status).toBe(200);
    while ((await get()).status !== 429);
    while ((await get()).status !== 200);
    await small.app.close();
  });
});
