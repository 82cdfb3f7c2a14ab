import type { NestExpressApplication } from '@nestjs/platform-express';
import pg from 'pg';
import { Database } from '../src/database/database.js';
import { RetentionSweeper } from '../src/journal/retention-sweeper.js';
import { admin, bearer, boot, call, JSON_TYPE, jwt, makeKeyAt, SECRET } from './support/auth-app.js';
import { createDatabase } from './support/server.js';

const BODY = { name: 'ci', projects: ['demo'], scopes: ['executions:read'] };

describe('POST /api/keys with an Idempotency-Key', () => {
  let database: string;
  let app: NestExpressApplication;
  let url: string;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createDatabase();
    ({ app, url } = await boot({ DATABASE_URL: database, JWT_SECRET: SECRET }));
    client = new pg.Client({ connectionString: database });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await app.close();
  });

  const make = (key: string, body: object = BODY, as: Record<string, string> = admin) =>
    call(`${url}/api/keys`, {
      method: 'POST',
      headers: { ...as, ...JSON_TYPE, 'idempotency-key': key },
      body: JSON.stringify(body),
    });
  const count = async (name: string) =>
    (await client.query('SELECT FROM cloutagent.api_keys WHERE name = $1', [name])).rowCount;

  it('makes one key and repeats the whole answer', async () => {
    const first = await make('repeat');
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    const again = await make('repeat', { scopes: BODY.scopes, projects: BODY.projects, name: BODY.name });
    expect([again.status, again.headers.get('idempotency-replayed'), again.body]).toEqual([
      201,
      'true',
      first.body,
    ]);
    expect(again.headers.get('location')).toBe(`/api/keys/${first.body.id}`);
    expect(again.headers.get('ratelimit-limit')).not.toBeNull();
    expect((await call(`${url}/api/me`, { headers: bearer(again.body.key) })).status).toBe(200);
    expect((await make('another')).body.id).not.toBe(first.body.id);
    expect(
      (
        await call(`${url}/api/keys`, {
          method: 'POST',
          headers: { ...admin, ...JSON_TYPE },
          body: JSON.stringify(BODY),
        })
      ).body.id,
    ).not.toBe(first.body.id);
  });

  it('makes one key for many simultaneous requests', async () => {
    const body = { ...BODY, name: 'simultaneous' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => make('simultaneous', body)));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.body.key}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await count('simultaneous')).toBe(1);
  });

  it('refuses another body', async () => {
    await make('body');
    const other = await make('body', { ...BODY, name: 'other' });
    expect([other.status, other.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it.each(['', 'a b', 'x'.repeat(256)])('refuses the key "%s"', async (key) => {
    const answer = await make(key);
    expect([answer.status, answer.body.errors[0]?.path]).toEqual([400, 'Idempotency-Key']);
  });

  it('keeps the keys of different callers apart', async () => {
    const caller = (await makeKeyAt(url, { scopes: ['keys:manage', 'executions:read'] })).body;
    const mine = await make('callers');
    const theirs = await make('callers', BODY, bearer(caller.key));
    expect([theirs.status, theirs.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it('shows the secret only to the credential that made it', async () => {
    const [one, other] = [await jwt({ jti: '1' }), await jwt({ jti: '2' })];
    const first = await make('jwt', BODY, bearer(one));
    expect((await make('jwt', BODY, bearer(one))).body.key).toBe(first.body.key);
    const refused = await make('jwt', BODY, bearer(other));
    expect([refused.status, refused.code]).toEqual([409, 'secret_not_repeatable']);
    expect(refused.body.detail).toContain(first.body.id);
    expect(refused.text).not.toContain(first.body.key);
  });

  it('stores neither the secret, nor the credential, nor the Idempotency-Key', async () => {
    const token = await jwt({});
    const { key } = (await make('stored-nowhere', BODY, bearer(token))).body;
    const { rows } = await client.query<{ row: string }>(
      `SELECT to_jsonb(r)::text AS row FROM cloutagent.key_requests r
       UNION ALL SELECT to_jsonb(k)::text FROM cloutagent.api_keys k`,
    );
    const text = rows.map(({ row }) => row).join('\n');
    for (const secret of [key, token, 'stored-nowhere']) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });

  it('makes no key if its answer cannot be stored', async () => {
    const body = { ...BODY, name: 'torn' };
    await client.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON cloutagent.key_requests FOR EACH ROW EXECUTE FUNCTION refuse()`);
    expect((await make('torn', body)).status).toBe(500);
    expect(await count('torn')).toBe(0);
    await client.query('DROP TRIGGER refuse ON cloutagent.key_requests');
    expect((await make('torn', body)).status).toBe(201);
    expect(await count('torn')).toBe(1);
  });

  it('makes a new key when the time is over, and the sweeper deletes old answers', async () => {
    const expire = () =>
      client.query(`UPDATE cloutagent.key_requests SET expires_at = now() - interval '1 second'`);
    const first = await make('over');
    const { rows } = await client.query(
      `SELECT extract(epoch FROM max(expires_at) - now()) > 86000 AS day FROM cloutagent.key_requests`,
    );
    expect(rows).toEqual([{ day: true }]);
    await expire();
    const answers = await Promise.all([make('over'), make('over')]);
    expect(new Set(answers.map(({ body }) => body.key)).size).toBe(1);
    expect(answers[0].body.id).not.toBe(first.body.id);
    await expire();
    const sweeper = new RetentionSweeper(app.get(Database), {
      RETENTION_DAYS: 30,
      RETENTION_SWEEP_INTERVAL_MS: 1,
      UNDELIVERED_RETENTION_DAYS: 7,
    });
    await sweeper.sweep();
    expect((await client.query('SELECT FROM cloutagent.key_requests')).rowCount).toBe(0);
  });
});
