import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from './support/answer.js';
import { deleteWorkflow, saveWorkflow } from './support/saved-workflow.js';
import { ScheduleClock } from './support/schedule-clock.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, pathOf, Watch } from './support/watch.js';

const SCHEDULE = { workflowRef: 'short', input: { days: 1 }, cron: '30 2 * * *', timeZone: 'Europe/Berlin' };

describe('schedules', () => {
  let server: Server;
  let clock: ScheduleClock;
  let hour = Date.parse('2026-06-01T10:00Z');
  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({
      DATABASE_URL: url,
      TIMER_POLL_INTERVAL_MS: '20',
      MAX_SCHEDULES_PER_PROJECT: '20',
      MAX_QUEUED_PER_SCHEDULE: '4',
    });
    clock = await ScheduleClock.stopAt(url, new Date(hour).toISOString());
    await saveWorkflow(server.url, 'short', [delay('d', 1)]);
    await saveWorkflow(server.url, 'endless', [agent('a', { hang: true })]);
  });
  afterAll(async () => {
    await clock?.close();
    await server?.kill('SIGTERM');
  });

  const put = (name: string, body: object = {}, headers = {}) =>
    server.call('PUT', `/api/schedules/demo/${name}`, { ...SCHEDULE, ...body }, headers);
  const get = async (name: string): Promise<Body> =>
    (await server.call('GET', `/api/schedules/demo/${name}`)).body;
  const remove = (name: string) => server.call('DELETE', `/api/schedules/demo/${name}`);
  /** Moves the clock to the next full hour. */
  const nextHour = async (hours = 1) => {
    hour += hours * 3_600_000;
    await clock.moveTo(new Date(hour));
    return new Date(hour).toISOString();
  };
  const executionsOf = (name: string): Promise<{ id: string; status: string; due: string }[]> =>
    clock.database.rows(
      `SELECT id, status, right(idempotency_key, 24) AS due FROM cloutagent.executions WHERE created_by = $1 ORDER BY id`,
      [`schedule:${name}`],
    );
  const cancel = (id: string) => server.call('POST', `/api/executions/${id}/cancel`);
  const keyFor = async (projects: string[], scopes: string[]) => {
    const { body } = await server.call('POST', '/api/keys', { name: 'k', projects, scopes });
    return { authorization: `Bearer ${body.key}` };
  };

  it('are set, shown, listed and deleted', async () => {
    const { status, body } = await put('nightly');
    expect([status, body]).toEqual([
      200,
      {
        projectId: 'demo',
        name: 'nightly',
        ...SCHEDULE,
        overlap: 'skip',
        catchUp: 'one',
        enabled: true,
        nextAt: '2026-06-02T00:30:00.000Z',
        lastAt: null,
        lastExecutionId: null,
        lastError: null,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
        createdBy: expect.stringMatching(/^key:/),
      },
    ]);
    expect(await get('nightly')).toEqual(body);
    const list = await server.call('GET', '/api/schedules?projectId=demo');
    expect(list.body).toEqual({ schedules: [body] });
    expect((await put('nightly', { input: 7 })).body).toMatchObject({ input: 7, nextAt: body.nextAt });
    expect((await put('nightly', { enabled: false })).body).toMatchObject({ enabled: false, nextAt: null });
    expect((await put('nightly', { cron: '0 12 * * *' })).body.nextAt).toBe('2026-06-02T10:00:00.000Z');
    expect((await remove('nightly')).status).toBe(204);
    expect((await remove('nightly')).status).toBe(404);
    expect((await server.call('GET', '/api/schedules/demo/nightly')).status).toBe(404);
  });

  it.each([
    ['a cron of every second', { cron: '* * * * * *' }, 'schedule_invalid', 'cron'],
    ['a nickname', { cron: '@hourly' }, 'schedule_invalid', 'cron'],
    ['a minute that does not exist', { cron: '60 * * * *' }, 'schedule_invalid', 'cron'],
    ['a day that no month has', { cron: '0 0 31 2 *' }, 'schedule_invalid', 'cron'],
    ['a zone of another planet', { timeZone: 'Mars/Olympus' }, 'schedule_invalid', 'timeZone'],
    ['an offset as the zone', { timeZone: '+02:00' }, 'schedule_invalid', 'timeZone'],
    ['an unknown workflow', { workflowRef: 'missing' }, 'schedule_invalid', 'workflowRef'],
    ['an unknown version', { workflowRef: 'short@99' }, 'schedule_invalid', 'workflowRef'],
    ['a workflow of another project', { workflowRef: 'theirs' }, 'schedule_invalid', 'workflowRef'],
    ['no workflow', { workflowRef: undefined }, 'validation_failed', 'workflowRef'],
    ['an unknown member', { secret: 'x' }, 'validation_failed', 'secret'],
    ['a long expression', { cron: '1,'.repeat(200) }, 'validation_failed', 'cron'],
    ['an unknown overlap', { overlap: 'all' }, 'validation_failed', 'overlap'],
  ])('are refused with %s', async (_case, body, code, path) => {
    await saveWorkflow(server.url, 'theirs', [delay('d', 1)], 'other');
    const answer = await put('bad', body);
    expect([answer.status, answer.body.code]).toEqual([400, code]);
    expect(answer.body.errors).toEqual([{ path, message: expect.any(String) }]);
    expect((await server.call('GET', '/api/schedules/demo/bad')).status).toBe(404);
  });

  it('need both scopes, and are not found in projects of others', async () => {
    await put('mine');
    const other = await keyFor(['other'], ['schedules:manage', 'executions:write']);
    const manager = await keyFor(['demo'], ['schedules:manage']);
    const writer = await keyFor(['demo'], ['executions:write']);
    const as = (method: string, path: string, headers: Record<string, string>) =>
      server.call(method, path, method === 'PUT' ? SCHEDULE : undefined, headers);
    for (const [method, path] of [
      ['PUT', '/api/schedules/demo/mine'],
      ['GET', '/api/schedules/demo/mine'],
      ['DELETE', '/api/schedules/demo/mine'],
      ['POST', '/api/schedules/demo/mine/run'],
      ['GET', '/api/schedules?projectId=demo'],
    ] as const) {
      expect([path, (await as(method, path, other)).status]).toEqual([path, 404]);
      expect([path, (await as(method, path, writer)).status]).toEqual([path, 403]);
    }
    expect((await as('GET', '/api/schedules/demo/mine', manager)).status).toBe(200);
    expect((await as('PUT', '/api/schedules/demo/mine', manager)).body.code).toBe('insufficient_scope');
    expect((await as('POST', '/api/schedules/demo/mine/run', manager)).body.code).toBe('insufficient_scope');
    await remove('mine');
  });

  it('are limited for each project', async () => {
    const names = Array.from({ length: 20 }, (_unused, index) => `many-${index}`);
    for (const name of names) expect((await put(name)).status).toBe(200);
    const refused = await put('one-more');
    expect([refused.status, refused.body.code]).toEqual([429, 'too_many_schedules']);
    expect((await put('many-3', { input: 3 })).status).toBe(200);
    for (const name of names) await remove(name);
  });

  it('start now, once for each Idempotency-Key, also while they are disabled', async () => {
    await put('by-hand', { enabled: false });
    const run = () =>
      server.call('POST', '/api/schedules/demo/by-hand/run', undefined, { 'idempotency-key': 'k' });
    const first = await run();
    const again = await run();
    expect([first.status, first.body.input, first.body.workflow]).toEqual([
      202,
      SCHEDULE.input,
      { name: 'short', version: 1 },
    ]);
    expect(first.headers.get('location')).toBe(`/api/executions/${first.body.id}`);
    expect([again.body.id, again.headers.get('idempotency-replayed')]).toEqual([first.body.id, 'true']);
    expect((await get('by-hand')).lastExecutionId).toBe(first.body.id);
    expect(await executionsOf('by-hand')).toHaveLength(1);
    await remove('by-hand');
  });

  it('start an execution at each due time', async () => {
    await put('hourly', { cron: '0 * * * *', timeZone: 'UTC' });
    const one = await nextHour();
    const [first] = await executionsOf('hourly');
    expect(first!.due).toBe(one);
    await new Watch(server.url, pathOf(first!.id)).done();
    const two = await nextHour();
    const executions = await executionsOf('hourly');
    expect(executions.map(({ due }) => due)).toEqual([one, two]);
    expect(await get('hourly')).toMatchObject({
      lastAt: two,
      lastExecutionId: executions[1]!.id,
      lastError: null,
      nextAt: new Date(hour + 3_600_000).toISOString(),
    });
    await remove('hourly');
  });

  it('skip a due time while an execution is open', async () => {
    await put('skips', { workflowRef: 'endless', cron: '0 * * * *', overlap: 'skip' });
    const one = await nextHour();
    const two = await nextHour();
    const [first, ...others] = await executionsOf('skips');
    expect([first!.due, others]).toEqual([one, []]);
    const shown = await get('skips');
    expect(shown.lastAt).toBe(two);
    expect(shown.lastError).toContain(`skipped, because the execution ${first!.id} is still open`);
    await cancel(first!.id);
    await new Watch(server.url, pathOf(first!.id)).done();
    const three = await nextHour();
    const executions = await executionsOf('skips');
    expect(executions.map(({ due }) => due)).toEqual([one, three]);
    expect((await get('skips')).lastError).toBeNull();
    await remove('skips');
    await cancel(executions[1]!.id);
  });

  it('cancel the open execution at a due time', async () => {
    await put('cancels', { workflowRef: 'endless', cron: '0 * * * *', overlap: 'cancel-running' });
    await nextHour();
    await nextHour();
    const [first, second] = await executionsOf('cancels');
    const watch = await new Watch(server.url, pathOf(first!.id)).done();
    expect(watch.frames.at(-1)).toMatchObject({
      type: 'execution:cancelled',
      data: { by: 'schedule:cancels', reason: 'The next due time of its schedule has come.' },
    });
    expect(['queued', 'running']).toContain(second!.status);
    await remove('cancels');
    await cancel(second!.id);
  });

  it('start the executions of due times one after the other, up to a limit', async () => {
    await put('enqueues', { workflowRef: 'endless', cron: '0 * * * *', overlap: 'enqueue' });
    const dues: string[] = [];
    for (let count = 0; count < 6; count += 1) dues.push(await nextHour());
    expect(await executionsOf('enqueues')).toHaveLength(1);
    // One is open, four are pending.
    expect((await get('enqueues')).lastError).toContain('MAX_QUEUED_PER_SCHEDULE');
    await put('enqueues', { workflowRef: 'endless', cron: '0 * * * *', overlap: 'enqueue', enabled: true });
    for (let count = 1; count <= 5; count += 1) {
      let executions = await executionsOf('enqueues');
      for (let tries = 0; executions.length < count && tries < 2_000; tries += 1) {
        await clock.set(new Date(hour + count * 1_000 + tries));
        await sleep(10);
        executions = await executionsOf('enqueues');
      }
      expect(executions.map(({ due }) => due)).toEqual(dues.slice(0, count));
      await cancel(executions.at(-1)!.id);
    }
    await remove('enqueues');
  });

  it.each([
    ['none', []],
    ['one', [4]],
    ['all', [1, 2, 3, 4]],
  ])('make up for missed due times: %s', async (catchUp, made) => {
    const name = `catches-${catchUp}`;
    await put(name, { cron: '0 * * * *', overlap: 'skip', catchUp });
    const before = hour;
    hour += 4.5 * 3_600_000;
    await clock.moveTo(new Date(hour));
    hour -= 0.5 * 3_600_000;
    const expected = made.map((hours) => new Date(before + hours * 3_600_000).toISOString());
    const dueOf = async () => (await executionsOf(name)).map(({ due }) => due);
    for (let tries = 1; (await dueOf()).length < expected.length && tries < 2_000; tries += 1) {
      await clock.set(new Date(hour + 1_800_000 + tries * 1_000));
      await sleep(10);
    }
    expect(await dueOf()).toEqual(expected);
    expect(await get(name)).toMatchObject({
      lastAt: new Date(hour).toISOString(),
      nextAt: new Date(hour + 3_600_000).toISOString(),
    });
    await remove(name);
    await clock.set(new Date(hour));
  });

  it('make up for missed due times before they cancel an execution', async () => {
    const schedule = { workflowRef: 'endless', cron: '0 * * * *', overlap: 'cancel-running', catchUp: 'all' };
    await put('catches-first', schedule);
    const dues = [1, 2, 3].map((hours) => new Date(hour + hours * 3_600_000).toISOString());
    hour += 2.5 * 3_600_000;
    await clock.moveTo(new Date(hour));
    hour -= 0.5 * 3_600_000;
    await nextHour();
    for (let count = 1; count <= 3; count += 1) {
      let executions = await executionsOf('catches-first');
      for (let tries = 1; executions.length < count && tries < 2_000; tries += 1) {
        await clock.set(new Date(hour + count * 10_000 + tries));
        await sleep(10);
        executions = await executionsOf('catches-first');
      }
      expect(executions.map(({ due }) => due)).toEqual(dues.slice(0, count));
      expect(['queued', 'running']).toContain(executions.at(-1)!.status);
      await cancel(executions.at(-1)!.id);
    }
    await remove('catches-first');
  });

  it('show why a due time started nothing, and continue', async () => {
    await saveWorkflow(server.url, 'passing', [delay('d', 1)]);
    await put('fails', { workflowRef: 'passing', cron: '0 * * * *' });
    await deleteWorkflow(server.url, 'passing');
    const one = await nextHour();
    expect(await executionsOf('fails')).toEqual([]);
    expect(await get('fails')).toMatchObject({
      lastAt: one,
      lastExecutionId: null,
      lastError: expect.stringContaining('not_found: There is no saved workflow'),
    });
    expect(server.output()).toContain('the schedule fails of project demo started nothing');
    await saveWorkflow(server.url, 'passing', [delay('d', 1)]);
    const two = await nextHour();
    expect((await executionsOf('fails')).map(({ due }) => due)).toEqual([two]);
    expect((await get('fails')).lastError).toBeNull();
    await remove('fails');
  });

  it('go on after an input that does not fit, with a name that the database cannot store', async () => {
    const workflow = { nodes: [delay('d', 1)], edges: [] };
    const inputSchema = { type: 'object', additionalProperties: false };
    await server.call('PUT', '/api/workflows/demo/strict', { workflow, inputSchema });
    await put('unfit', { workflowRef: 'strict', input: { 'a\0b': 1 }, cron: '0 * * * *' });
    const due = await nextHour();
    expect(await get('unfit')).toMatchObject({
      lastAt: due,
      lastError: expect.stringContaining('input.a\uFFFDb'),
    });
    await remove('unfit');
  });

  it('start nothing again after a process died between the start and the change of the schedule', async () => {
    await put('again', { workflowRef: 'endless', cron: '0 * * * *', overlap: 'cancel-running' });
    const due = await nextHour();
    const [first] = await executionsOf('again');
    // As the transaction of a process that dies leaves the row.
    await clock.database.rows(
      `UPDATE cloutagent.schedules SET next_at = $1, wake_at = $1, last_at = NULL, last_execution_id = NULL,
         workflow_ref = 'short' WHERE name = 'again'`,
      [due],
    );
    await clock.untilHandled();
    expect((await executionsOf('again')).map(({ id }) => id)).toEqual([first!.id]);
    expect((await get('again')).lastExecutionId).toBe(first!.id);
    const { body } = await server.call('GET', `/api/executions/${first!.id}`);
    expect(['queued', 'running']).toContain(body.status);
    await remove('again');
    await cancel(first!.id);
  });
});
