import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Principal } from '../src/auth/principal.js';
import { TicketsService } from '../src/auth/tickets.service.js';
import { v7 as uuidv7 } from '../src/common/uuid.js';
import { Database } from '../src/database/database.js';
import { admin, bearer, bootOnNewDatabase, call, makeKeyAt } from './support/auth-app.js';
import { ADMIN_KEY } from './support/server.js';

let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  ({ app, url } = await bootOnNewDatabase());
});
afterAll(() => app.close());

const makeKey = (body?: object, as?: typeof admin) => makeKeyAt(url, body, as);

describe('a stream ticket', () => {
  let execution: string;
  let other: string;
  const principalOf = async (key: string) =>
    (await call(`${url}/api/things/mine`, { headers: bearer(key) })).body as Principal;
  const open = (id: string, query: string, headers = {}) =>
    call(`${url}/api/things/${id}/stream${query}`, { headers });
  beforeAll(async () => {
    [execution, other] = [uuidv7(), uuidv7()];
    for (const id of [execution, other])
      await app.get(Database).pool.query(
        `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by)
         VALUES ($1, 'demo', 'null', '{}', '{}', 'test')`,
        [id],
      );
  });

  it('opens its stream only, with the rights of its creator, for one of several addresses', async () => {
    const { key } = (await makeKey()).body;
    const principal = await principalOf(key);
    const { ticket } = await app.get(TicketsService).issue(principal, { executionId: execution });
    expect((await open(other, `?ticket=${ticket}`)).code).toBe('invalid_ticket');
    const used = await Promise.all(
      Array.from({ length: 5 }, (_unused, n) =>
        open(execution, `?ticket=${ticket}`, { 'x-forwarded-for': `192.0.2.${n}` }),
      ),
    );
    const opened = used.filter(({ status }) => status === 200);
    expect(opened.map(({ body }) => body)).toEqual([principal]);
    expect(used.filter(({ code }) => code === 'invalid_ticket')).toHaveLength(4);
  });

  it.each(['?ticket=', '?ticket=a&ticket=b', '?ticket=%00', `?ticket=${'x'.repeat(43)}`, '?ticket[a]=b'])(
    'is refused as %s',
    async (query) => expect((await open(execution, query)).status).toBe(401),
  );

  it('is refused for a path that is not an execution id', async () => {
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(ADMIN_KEY), { executionId: execution });
    expect((await open('%00', `?ticket=${ticket}`)).status).toBe(401);
    expect((await open('x', `?ticket=${ticket}`)).status).toBe(401);
  });

  it('is ignored together with another credential, and on other routes', async () => {
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(ADMIN_KEY), { executionId: execution });
    expect((await open(execution, `?ticket=${ticket}`, bearer('wrong'))).status).toBe(401);
    expect((await call(`${url}/api/things/mine?ticket=${ticket}`)).code).toBe('credentials_missing');
    expect((await open(execution, `?ticket=${ticket}`)).status).toBe(200);
  });

  it('is refused after the key of its creator was revoked', async () => {
    const { key, id } = (await makeKey()).body;
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(key), { executionId: execution });
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    expect((await open(execution, `?ticket=${ticket}`)).code).toBe('invalid_ticket');
  });

  it('is not issued for an unknown execution', async () => {
    await expect(
      app.get(TicketsService).issue(await principalOf(ADMIN_KEY), { executionId: uuidv7() }),
    ).rejects.toMatchObject({
      status: 404,
    });
  });
});
