import type pg from 'pg';
import type { Database } from '../src/database/database.js';
import { ListedWaitsRepository, type WaitFilter } from '../src/waits/queries/listed-waits.repository.js';
import { createDatabase, Server } from './support/server.js';
import { WaitRows } from './support/wait-rows.js';

const FORM = {
  type: 'object',
  properties: { budget: { type: 'number', minimum: 0 }, note: { type: 'string' } },
  required: ['budget'],
  additionalProperties: false,
};

/** Returns the statement that finds a page. */
async function statementFor(filter: Partial<WaitFilter>): Promise<{ text: string; values: unknown[] }> {
  let statement: pg.QueryConfig | undefined;
  const query = (config: pg.QueryConfig) => {
    statement = config;
    return Promise.resolve({ rows: [] });
  };
  await new ListedWaitsRepository({ pool: { query } } as unknown as Database).find({
    projectIds: undefined,
    kinds: ['approval', 'signal', 'tool', 'failure'],
    executionId: undefined,
    after: undefined,
    limit: 21,
    ...filter,
  });
  return { text: statement!.text, values: statement!.values! };
}

describe('the inbox and answers to waits', () => {
  let database: string;
  let server: Server;
  let rows: WaitRows;
  beforeAll(async () => {
    database = await createDatabase();
    // No timer fires, so that an answer that is late meets a wait whose end is not stored yet.
    server = await Server.start({ DATABASE_URL: database, TIMER_POLL_INTERVAL_MS: '3600000' });
    rows = await WaitRows.open(database);
  });
  afterAll(async () => {
    await rows.close();
    await server.kill('SIGTERM');
  });

  const answer = (waitId: string, body: unknown, headers: Record<string, string> = {}) =>
    server.call('POST', `/api/waits/${waitId}/answer`, body, headers);
  const list = (query: string, headers: Record<string, string> = {}) =>
    server.call('GET', `/api/waits?${query}`, undefined, headers);
  const idsOf = (body: { waits: { waitId: string }[] }) => body.waits.map(({ waitId }) => waitId);

  /** Makes a key and returns its id and its header. */
  async function keyFor(projects: string[], scopes: string[]) {
    const { body } = await server.call('POST', '/api/keys', { name: 'test', projects, scopes });
    return { principalId: `key:${body.id}`, headers: { authorization: `Bearer ${body.key}` } };
  }

  describe('GET /api/waits', () => {
    it('shows all fields of a wait', async () => {
      const executionId = await rows.execution({ projectId: 'fields' });
      const schema = { type: 'object', properties: { budget: { type: 'number' } } };
      const waitId = await rows.wait(executionId, {
        details: { message: 'May this go out? \u0000', schema },
        assignees: ['key:ann'],
        untilMs: 3_600_000,
      });
      const { status, body } = await list('projectId=fields');
      expect([status, body]).toEqual([
        200,
        {
          waits: [
            {
              waitId,
              executionId,
              projectId: 'fields',
              nodeId: 'review',
              stepId: expect.any(String),
              kind: 'approval',
              message: 'May this go out? \u0000',
              schema,
              assignees: ['key:ann'],
              until: expect.stringMatching(/^2.*Z$/),
              since: expect.stringMatching(/^2.*Z$/),
            },
          ],
          nextCursor: null,
        },
      ]);
    });

    it('shows the kinds that a person or another system ends, oldest first, and others on request', async () => {
      const executionId = await rows.execution({ projectId: 'kinds' });
      const ids: Record<string, string> = {};
      for (const kind of ['failure', 'timer', 'tool', 'children', 'signal', 'approval'])
        ids[kind] = await rows.wait(executionId, { kind });
      expect(idsOf((await list('projectId=kinds')).body)).toEqual(
        ['failure', 'tool', 'signal', 'approval'].map((kind) => ids[kind]),
      );
      expect(idsOf((await list('projectId=kinds&kind=timer,children')).body)).toEqual([
        ids['timer'],
        ids['children'],
      ]);
      expect(idsOf((await list('projectId=kinds&kind=signal')).body)).toEqual([ids['signal']]);
      expect(await list('kind=person')).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    });

    it('pages through all waits without a repeat, in one project and in all', async () => {
      const executionId = await rows.execution({ projectId: 'pages' });
      const expected: string[] = [];
      for (let index = 0; index < 7; index += 1)
        expected.push(
          await rows.wait(executionId, { kind: index % 2 ? 'signal' : 'approval', key: `${index}` }),
        );
      for (const base of ['projectId=pages', `executionId=${executionId}`]) {
        const found: string[] = [];
        let cursor: string | null = null;
        do {
          const { body } = await list(`${base}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`);
          found.push(...idsOf(body));
          cursor = body.nextCursor;
        } while (cursor !== null);
        expect(found).toEqual(expected.toSorted());
      }
      const all = await list('limit=100');
      expect(idsOf(all.body)).toEqual(expect.arrayContaining(expected));
      expect(idsOf(all.body).toSorted()).toEqual(idsOf(all.body));
      expect(await list('cursor=nonsense')).toMatchObject({ status: 400 });
    });

    it('never shows waits of another project', async () => {
      const mine = await rows.waiting({ projectId: 'mine' });
      const theirs = await rows.waiting({ projectId: 'theirs' });
      const { headers } = await keyFor(['mine'], ['executions:read']);
      const { body } = await list('limit=100', headers);
      expect(idsOf(body)).toEqual([mine]);
      expect(await list('projectId=theirs', headers)).toMatchObject({ status: 404 });
      const { rows: found } = await rows.client.query<{ execution_id: string }>(
        'SELECT execution_id FROM cloutagent.waits WHERE id = $1',
        [theirs],
      );
      expect((await list(`executionId=${found[0]!.execution_id}`, headers)).body).toEqual({
        waits: [],
        nextCursor: null,
      });
    });

    it('shows to an assignee what names it, and what names no principal', async () => {
      const executionId = await rows.execution({ projectId: 'assigned' });
      const open = await rows.wait(executionId, { key: 'a' });
      const ann = await rows.wait(executionId, { key: 'b', assignees: ['key:ann', 'key:bob'] });
      await rows.wait(executionId, { key: 'c', assignees: ['key:bob'] });
      expect(idsOf((await list('projectId=assigned&assignee=key:ann')).body)).toEqual([open, ann]);
      const first = await list('projectId=assigned&assignee=key:ann&limit=1');
      expect(idsOf(first.body)).toEqual([open]);
      const second = await list(
        `projectId=assigned&assignee=key:ann&limit=1&cursor=${first.body.nextCursor}`,
      );
      expect([idsOf(second.body), second.body.nextCursor]).toEqual([[ann], null]);
    });

    it('reads a page from an index, however many waits are stored', async () => {
      const executionId = await rows.execution({ projectId: 'many' });
      await rows.client.query(
        `INSERT INTO cloutagent.waits (id, execution_id, project_id, node_id, step_id, key, kind, request, outcome)
         SELECT gen_random_uuid(), $1, 'many', 'n', 's', i::text, 'approval', '{}',
           CASE WHEN i % 2 = 0 THEN 'answered' END
         FROM generate_series(1, 40000) AS i`,
        [executionId],
      );
      await rows.client.query('ANALYZE cloutagent.waits');
      for (const [projectIds, index] of [
        [undefined, 'waits_inbox_all'],
        [['many', 'other'], 'waits_inbox'],
      ] as const) {
        const { text, values } = await statementFor({ projectIds });
        const { rows: plan } = await rows.client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values);
        expect(JSON.stringify(plan)).toContain(`"${index}"`);
        expect(JSON.stringify(plan)).not.toContain('Seq Scan');
      }
      expect(idsOf((await list('projectId=many')).body).length).toBe(20);
    });
  });

  describe('POST /api/waits/:waitId/answer', () => {
    it.each<[string, object, object, string]>([
      ['approval', { approved: true }, { approved: true, comment: null, values: null }, 'answered'],
      [
        'approval',
        { approved: false, comment: 'no \u00fc' },
        { approved: false, comment: 'no \u00fc', values: null },
        'answered',
      ],
      ['signal', { body: { a: '\u0000' } }, { body: { a: '\u0000' } }, 'signalled'],
      [
        'tool',
        { action: 'approve', args: { x: 1 } },
        { action: 'approve', args: { x: 1 }, reason: null },
        'answered',
      ],
      ['tool', { action: 'deny', reason: 'no' }, { action: 'deny', reason: 'no' }, 'answered'],
      ['failure', { action: 'retry' }, { action: 'retry', reason: null }, 'answered'],
      [
        'failure',
        { action: 'output', output: [1] },
        { action: 'output', output: [1], reason: null },
        'answered',
      ],
    ])('stores for kind %s the answer %j', async (kind, given, stored, outcome) => {
      const waitId = await rows.waiting({ kind, signal: kind === 'signal' ? 's' : null });
      const { status, body } = await answer(waitId, given);
      expect([status, body]).toEqual([
        202,
        {
          waitId,
          executionId: expect.any(String),
          outcome,
          by: expect.stringMatching(/^key:/),
          settledAt: expect.stringMatching(/^2.*Z$/),
        },
      ]);
      expect(await rows.stored(waitId)).toEqual({
        outcome,
        answer: stored,
        by: (body as { by?: string }).by,
      });
    });

    it.each<[string, object, string, string]>([
      ['approval', {}, 'invalid_answer', 'approved'],
      ['approval', { approved: true, body: 1 }, 'invalid_answer', 'body'],
      ['approval', { approved: true, values: { a: 1 } }, 'invalid_answer', 'values'],
      ['approval', { approved: 'yes' }, 'validation_failed', 'approved'],
      ['approval', { approved: true, aproved: true }, 'validation_failed', 'aproved'],
      ['approval', { approved: true, __proto__x: 1 }, 'validation_failed', '__proto__x'],
      ['signal', { approved: true }, 'invalid_answer', 'approved'],
      ['tool', { action: 'retry' }, 'invalid_answer', 'action'],
      ['failure', { action: 'output' }, 'invalid_answer', 'output'],
      ['timer', { approved: true }, 'invalid_answer', ''],
      ['children', {}, 'invalid_answer', ''],
    ])('refuses for kind %s the answer %j', async (kind, given, code, path) => {
      const waitId = await rows.waiting({ kind, signal: kind === 'signal' ? 's' : null });
      const { status, body } = await answer(waitId, given);
      expect([status, body.code]).toEqual([400, code]);
      expect(body.errors?.map((error) => error.path)).toContain(path);
      expect(await rows.stored(waitId)).toMatchObject({ outcome: null });
    });

    it('checks the values of a form, which a rejection may leave out', async () => {
      const form = (details: object = { schema: FORM }) => rows.waiting({ details });
      const waitId = await form();
      for (const [given, paths] of [
        [{ approved: true }, ['values']],
        [{ approved: true, values: {} }, ['values.budget']],
        [{ approved: true, values: { budget: -1 } }, ['values.budget']],
        [{ approved: true, values: { budget: '1' } }, ['values.budget']],
        [{ approved: true, values: { budget: 1, more: 2 } }, ['values.more']],
        [{ approved: true, values: [] }, ['values']],
        [{ approved: false, values: { budget: 'x' } }, ['values.budget']],
      ] as const) {
        const { status, body } = await answer(waitId, given);
        expect([given, status, body.code, body.errors?.map(({ path }) => path)]).toEqual([
          given,
          400,
          'invalid_answer',
          expect.arrayContaining([...paths]),
        ]);
      }
      expect((await answer(waitId, { approved: true, values: { budget: 500 } })).status).toBe(202);
      expect(await rows.stored(waitId)).toMatchObject({
        answer: { approved: true, values: { budget: 500 } },
      });
      const rejected = await form();
      expect((await answer(rejected, { approved: false, comment: 'no' })).status).toBe(202);
      expect(await rows.stored(rejected)).toMatchObject({ answer: { approved: false, values: null } });
    });

    it('checks the body of a signal', async () => {
      const waitId = await rows.waiting({ kind: 'signal', signal: 's', details: { schema: FORM } });
      expect(await answer(waitId, { body: { budget: 'x' } })).toMatchObject({
        status: 400,
        body: { code: 'invalid_answer', errors: [{ path: 'body.budget' }] },
      });
      expect((await answer(waitId, { body: { budget: 1 } })).status).toBe(202);
    });

    it('survives a form whose pattern takes forever', async () => {
      const schema = { type: 'string', pattern: '^(a+)+$' };
      const waitId = await rows.waiting({ details: { schema } });
      const [slow, quick] = await Promise.all([
        answer(waitId, { approved: true, values: `${'a'.repeat(40)}!` }),
        list('projectId=demo&limit=1'),
      ]);
      expect(quick.status).toBe(200);
      expect([slow.status, slow.body.code, slow.body.errors?.[0]?.message]).toEqual([
        400,
        'invalid_answer',
        expect.stringContaining('CHECK_TIMEOUT_MS'),
      ]);
      expect((await answer(waitId, { approved: true, values: 'aaa' })).status).toBe(202);
    });

    it('answers 404 for a wait that does not exist or belongs to another project', async () => {
      const waitId = await rows.waiting({ projectId: 'theirs' });
      const { headers } = await keyFor(['mine'], ['executions:read', 'executions:control']);
      for (const id of [waitId, '0199c0de-0000-7000-8000-000000000001', 'nonsense', '%00'])
        expect(await answer(id, { approved: true }, headers)).toMatchObject({
          status: 404,
          body: {
            code: 'not_found',
            detail: 'There is no such wait, or your credential has no access to its project.',
          },
        });
      const reader = await keyFor(['theirs'], ['executions:read']);
      expect(await answer(waitId, { approved: true }, reader.headers)).toMatchObject({
        status: 403,
        body: { code: 'insufficient_scope' },
      });
      expect(await rows.stored(waitId)).toMatchObject({ outcome: null });
    });

    it('takes the answer of an assignee, and that of another principal only with waits:answer-any', async () => {
      const ann = await keyFor(['demo'], ['executions:control']);
      const bob = await keyFor(['demo'], ['executions:control']);
      const chief = await keyFor(['demo'], ['executions:control', 'waits:answer-any']);
      const assignees = [ann.principalId];
      const one = await rows.waiting({ assignees });
      expect(await answer(one, { approved: true }, bob.headers)).toMatchObject({
        status: 403,
        body: { code: 'not_assigned' },
      });
      expect((await answer(one, { approved: true }, ann.headers)).status).toBe(202);
      const other = await rows.waiting({ assignees });
      expect(await answer(other, { approved: true }, chief.headers)).toMatchObject({
        status: 202,
        body: { by: chief.principalId },
      });
    });

    it('takes one answer, also of the same principal', async () => {
      const waitId = await rows.waiting();
      expect((await answer(waitId, { approved: true })).status).toBe(202);
      for (const approved of [true, false])
        expect(await answer(waitId, { approved })).toMatchObject({
          status: 409,
          body: { code: 'wait_already_answered' },
        });
      expect(await rows.stored(waitId)).toMatchObject({ answer: { approved: true } });
    });

    it('refuses an answer after the time of the wait, although no timer has ended it yet', async () => {
      const waitId = await rows.waiting({ untilMs: -1 });
      expect(await answer(waitId, { approved: true })).toMatchObject({
        status: 409,
        body: { code: 'wait_expired' },
      });
      expect(await rows.stored(waitId)).toMatchObject({ outcome: null });
      const inTime = await rows.waiting({ untilMs: 60_000 });
      expect((await answer(inTime, { approved: true })).status).toBe(202);
    });

    it('refuses an answer that waits for a lock until the time of the wait has passed', async () => {
      const executionId = await rows.execution();
      const waitId = await rows.wait(executionId, { untilMs: 1_000 });
      await rows.client.query('BEGIN');
      await rows.client.query('SELECT FROM cloutagent.executions WHERE id = $1 FOR UPDATE', [executionId]);
      const answering = answer(waitId, { approved: true });
      await rows.client.query(
        `SELECT pg_sleep(greatest(0, extract(epoch FROM until - clock_timestamp()))) FROM cloutagent.waits WHERE id = $1`,
        [waitId],
      );
      await rows.client.query('COMMIT');
      expect(await answering).toMatchObject({ status: 409, body: { code: 'wait_expired' } });
      expect(await rows.stored(waitId)).toMatchObject({ outcome: null });
    });

    it.each(['expired', 'cancelled'])('refuses an answer to a wait that is %s', async (outcome) => {
      const waitId = await rows.waiting();
      await rows.client.query('UPDATE cloutagent.waits SET outcome = $2 WHERE id = $1', [waitId, outcome]);
      expect(await answer(waitId, { approved: true })).toMatchObject({
        status: 409,
        body: { code: 'wait_expired' },
      });
    });

    it('refuses an answer after the end of the execution', async () => {
      const waitId = await rows.waiting({ status: 'cancelled', desiredState: 'cancel' });
      expect(await answer(waitId, { approved: true })).toMatchObject({
        status: 409,
        body: { code: 'wait_expired' },
      });
    });

    it('wakes an execution that has no owner, unless it is paused', async () => {
      const row = async (waitId: string) =>
        (
          await rows.client.query<{ wakes: number; queued: boolean }>(
            `SELECT e.wakes, e.runnable_at < 'infinity' AS queued
             FROM cloutagent.executions AS e JOIN cloutagent.waits AS w ON w.execution_id = e.id WHERE w.id = $1`,
            [waitId],
          )
        ).rows[0];
      const paused = await rows.waiting();
      await answer(paused, { approved: true });
      expect(await row(paused)).toEqual({ wakes: 1, queued: false });
    });

    it('takes one of a thousand answers that come at once', async () => {
      const waitId = await rows.waiting();
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) =>
          answer(waitId, { approved: index % 2 === 0, comment: `${index}` }),
        ),
      );
      const won = answers.findIndex(({ status }) => status === 202);
      expect(answers.filter(({ status }) => status === 202).length).toBe(1);
      expect(new Set(answers.map(({ body }) => body.code))).toEqual(
        new Set([undefined, 'wait_already_answered']),
      );
      expect(await rows.stored(waitId)).toMatchObject({
        answer: { approved: won % 2 === 0, comment: `${won}` },
      });
    });

    it('lets one of two processes win that answer a wait at the same moment', async () => {
      const other = await Server.start({ DATABASE_URL: database, TIMER_POLL_INTERVAL_MS: '3600000' });
      try {
        const waits = await Promise.all(Array.from({ length: 20 }, () => rows.waiting()));
        for (const waitId of waits) {
          const answers = await Promise.all([
            answer(waitId, { approved: true }),
            other.call('POST', `/api/waits/${waitId}/answer`, { approved: false }),
          ]);
          expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 409]));
          const { answer: stored } = await rows.stored(waitId);
          expect((stored as { approved: boolean }).approved).toBe(answers[0].status === 202);
        }
      } finally {
        await other.kill('SIGTERM');
      }
    });
  });

  describe('POST /api/executions/:executionId/approve', () => {
    const approve = (executionId: string, body?: object, headers: Record<string, string> = {}) =>
      server.call('POST', `/api/executions/${executionId}/approve`, body, headers);

    it('answers the only approval that waits, and repeats harmlessly', async () => {
      const executionId = await rows.execution();
      const waitId = await rows.wait(executionId);
      await rows.wait(executionId, { kind: 'signal', nodeId: 'other', signal: 's' });
      expect((await approve(executionId)).status).toBe(202);
      expect(await rows.stored(waitId)).toMatchObject({
        outcome: 'answered',
        answer: { approved: true, comment: null, values: null },
      });
      expect((await approve(executionId)).status).toBe(202);
      expect((await approve(executionId, { nodeId: 'review', approved: true })).status).toBe(202);
      expect(await approve(executionId, { nodeId: 'review', approved: false })).toMatchObject({
        status: 409,
        body: { code: 'already_decided' },
      });
    });

    it('asks for the node when several wait', async () => {
      const executionId = await rows.execution();
      const a = await rows.wait(executionId, { nodeId: 'a' });
      await rows.wait(executionId, { nodeId: 'b' });
      expect(await approve(executionId)).toMatchObject({
        status: 409,
        body: { code: 'no_approval_waiting', detail: expect.stringContaining('(a, b)') },
      });
      expect((await approve(executionId, { nodeId: 'a', approved: false, comment: 'no' })).status).toBe(202);
      expect(await rows.stored(a)).toMatchObject({ answer: { approved: false, comment: 'no' } });
      expect((await approve(executionId)).status).toBe(202);
    });

    it('refuses to approve a form without its values', async () => {
      const executionId = await rows.execution();
      await rows.wait(executionId, { details: { schema: FORM } });
      expect(await approve(executionId)).toMatchObject({ status: 400, body: { code: 'invalid_answer' } });
      expect((await approve(executionId, { approved: false })).status).toBe(202);
    });

    it('refuses when no approval waits, has expired, or is assigned to others', async () => {
      const executionId = await rows.execution();
      await rows.wait(executionId, { kind: 'signal', signal: 's' });
      for (const body of [undefined, { nodeId: 'review', approved: true }])
        expect(await approve(executionId, body)).toMatchObject({
          status: 409,
          body: { code: 'no_approval_waiting' },
        });
      const late = await rows.execution();
      await rows.wait(late, { untilMs: -1 });
      expect(await approve(late)).toMatchObject({ status: 409, body: { code: 'no_approval_waiting' } });
      const assigned = await rows.execution();
      await rows.wait(assigned, { assignees: ['key:ann'] });
      const { headers } = await keyFor(['demo'], ['executions:control']);
      expect(await approve(assigned, undefined, headers)).toMatchObject({
        status: 403,
        body: { code: 'not_assigned' },
      });
      const ended = await rows.execution({ status: 'cancelled' });
      expect(await approve(ended)).toMatchObject({ status: 409, body: { code: 'execution_over' } });
    });
  });
});
