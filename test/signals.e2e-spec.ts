import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { WaitRows } from './support/wait-rows.js';
import { Watch } from './support/watch.js';

const wait = (id: string, config: object) => ({ id, type: 'wait', data: { config } });
const flow = (nodes: object[], edges: object[] = []) => ({
  projectId: 'demo',
  input: null,
  workflow: { nodes, edges },
});

const NUMBER = { type: 'number' };

describe('signals', () => {
  let database: string;
  let server: Server;
  let rows: WaitRows;
  beforeAll(async () => {
    database = await createDatabase();
    server = await Server.start({
      DATABASE_URL: database,
      MAX_SIGNALS_PER_EXECUTION: '5',
      SIGNAL_MAX_BYTES: '2000',
    });
    rows = await WaitRows.open(database);
  });
  afterAll(async () => {
    await rows.close();
    await server.kill('SIGTERM');
  });

  const send = (executionId: string, name: string, body?: unknown, headers: Record<string, string> = {}) =>
    server.call('POST', `/api/executions/${executionId}/signals/${name}`, JSON.stringify(body), headers);
  const kept = async (executionId: string) =>
    (
      await rows.client.query<{ body: unknown }>(
        'SELECT body FROM cloutagent.signals WHERE execution_id = $1 AND wait_id IS NULL ORDER BY sent_at',
        [executionId],
      )
    ).rows.map(({ body }) => body);
  const signalWait = (executionId: string, key: string, signal: string, details: object = {}) =>
    rows.wait(executionId, { kind: 'signal', nodeId: key, key, signal, details });

  describe('in rows', () => {
    it('ends the oldest open wait of the name, once', async () => {
      const executionId = await rows.execution();
      const other = await signalWait(executionId, 'other', 'other');
      const first = await signalWait(executionId, 'first', 'paid');
      const second = await signalWait(executionId, 'second', 'paid');
      const { status, body } = await send(executionId, 'paid', { n: 1 });
      expect([status, body]).toEqual([
        202,
        { id: expect.any(String), executionId, name: 'paid', sentAt: expect.stringMatching(/^2.*Z$/) },
      ]);
      expect(await rows.stored(first)).toMatchObject({ outcome: 'signalled', answer: { body: { n: 1 } } });
      expect(await rows.stored(second)).toMatchObject({ outcome: null });
      await send(executionId, 'paid');
      expect(await rows.stored(second)).toMatchObject({ outcome: 'signalled', answer: { body: null } });
      expect(await rows.stored(other)).toMatchObject({ outcome: null });
      expect(await kept(executionId)).toEqual([]);
    });

    it('keeps signals in their order, up to MAX_SIGNALS_PER_EXECUTION', async () => {
      const executionId = await rows.execution();
      for (let n = 0; n < 5; n += 1) expect((await send(executionId, `s${n % 2}`, n)).status).toBe(202);
      const refused = await send(executionId, 's0', 5);
      expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
        429,
        'too_many_signals',
        '10',
      ]);
      expect(await kept(executionId)).toEqual([0, 1, 2, 3, 4]);
      // A wait that opens takes the first one of its name before a later signal does.
      const waitId = await signalWait(executionId, 'late', 's1');
      expect((await send(executionId, 's0', 5)).status).toBe(202);
      expect(await rows.stored(waitId)).toMatchObject({ outcome: 'signalled', answer: { body: 1 } });
      expect(await kept(executionId)).toEqual([0, 2, 3, 4, 5]);
    });

    it('does not end a wait whose time has passed', async () => {
      const executionId = await rows.execution();
      const late = await rows.wait(executionId, { kind: 'signal', signal: 's', untilMs: -1 });
      expect((await send(executionId, 's', 1)).status).toBe(202);
      expect((await rows.stored(late)).outcome).not.toBe('signalled');
      expect(await kept(executionId)).toEqual([1]);
    });

    it('answers a repeated Idempotency-Key with the first signal, also after the end', async () => {
      const executionId = await rows.execution();
      const key = { 'idempotency-key': 'once' };
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => send(executionId, 's', { a: 1, b: [2] }, key)),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length).toBe(7);
      expect(await kept(executionId)).toEqual([{ a: 1, b: [2] }]);
      expect((await send(executionId, 's', { b: [2], a: 1 }, key)).body).toEqual(answers[0]!.body);
      for (const [name, body] of [
        ['s', { a: 2 }],
        ['t', { a: 1, b: [2] }],
      ] as const)
        expect(await send(executionId, name, body, key)).toMatchObject({
          status: 422,
          body: { code: 'idempotency_key_reused' },
        });
      await rows.client.query(
        `UPDATE cloutagent.executions SET status = 'cancelled', completed_at = now() WHERE id = $1`,
        [executionId],
      );
      expect((await send(executionId, 's', { a: 1, b: [2] }, key)).body).toEqual(answers[0]!.body);
      expect(await send(executionId, 's', 1)).toMatchObject({
        status: 409,
        body: { code: 'execution_over', detail: expect.stringContaining('was cancelled') },
      });
      expect(await send(executionId, 's', 1, { 'idempotency-key': 'a b' })).toMatchObject({ status: 400 });
    });

    it.each([
      'line%0abreak',
      '%0d%0a',
      'a%20b',
      '%24callback%3Ax',
      'x'.repeat(129),
      '%c3%a4',
      '..%2f..',
      '%00',
    ])('refuses the name %s', async (name) => {
      const executionId = await rows.execution();
      const { status, body } = await send(executionId, name, 1);
      expect([status, body.code, body.errors]).toEqual([
        400,
        'validation_failed',
        [{ path: 'name', message: 'must have 1 to 128 letters, digits and . _ : -' }],
      ]);
      expect(await kept(executionId)).toEqual([]);
    });

    it('answers 404 for an execution of another project, and 403 without the scope', async () => {
      const executionId = await rows.execution({ projectId: 'theirs' });
      const keyFor = async (projects: string[], scopes: string[]) => {
        const { body } = await server.call('POST', '/api/keys', { name: 'test', projects, scopes });
        return { authorization: `Bearer ${body.key}` };
      };
      const stranger = await keyFor(['mine'], ['executions:control']);
      for (const id of [executionId, '0199c0de-0000-7000-8000-000000000001', 'x'])
        expect(await send(id, 's', 1, stranger)).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(await send(executionId, 's', 1, await keyFor(['theirs'], ['executions:write']))).toMatchObject({
        status: 403,
      });
    });

    it('refuses a body above SIGNAL_MAX_BYTES while it arrives', async () => {
      const executionId = await rows.execution();
      expect((await send(executionId, 's', 'x'.repeat(1_990))).status).toBe(202);
      expect(await send(executionId, 's', 'x'.repeat(10_000_000))).toMatchObject({
        status: 413,
        body: { code: 'body_too_large' },
      });
      const endless = request(`${server.url}/api/executions/${executionId}/signals/s`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      });
      endless.write(' '.repeat(2_001));
      const [response] = (await once(endless, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(413);
      endless.on('error', () => undefined).destroy();
      expect(await kept(executionId)).toEqual(['x'.repeat(1_990)]);
    });

    it('refuses a body that does not fit the oldest wait, and does not pass it on', async () => {
      const executionId = await rows.execution();
      const strict = await signalWait(executionId, 'strict', 's', { schema: NUMBER });
      const loose = await signalWait(executionId, 'loose', 's');
      expect(await send(executionId, 's', 'x')).toMatchObject({
        status: 400,
        body: { code: 'invalid_answer', errors: [{ path: '' }] },
      });
      expect(await rows.stored(loose)).toMatchObject({ outcome: null });
      expect((await send(executionId, 's', 5)).status).toBe(202);
      expect(await rows.stored(strict)).toMatchObject({ answer: { body: 5 } });
      expect((await send(executionId, 's', 'x')).status).toBe(202);
      expect(await rows.stored(loose)).toMatchObject({ answer: { body: 'x' } });
    });

    it('checks a kept signal against the wait nodes of its name', async () => {
      const nodes = [
        wait('a', { signal: 'n', schema: NUMBER }),
        wait('b', { signal: 'n', schema: { type: 'boolean' } }),
        wait('c', { signal: 'open' }),
        wait('d', { signal: 'open', schema: NUMBER }),
        wait('e', { signal: 'later', schema: { const: '{{input}}' } }),
      ];
      const executionId = await rows.execution({ workflow: { nodes, edges: [] } });
      const statuses = [];
      for (const [name, body] of [
        ['n', 1],
        ['n', true],
        ['n', 'x'],
        ['open', 'x'],
        ['later', 1],
        ['unknown', 'x'],
      ] as const)
        statuses.push((await send(executionId, name, body)).status);
      expect(statuses).toEqual([202, 202, 400, 202, 202, 202]);
    });

    it('leaves a kept signal that does not fit a wait for a later one', async () => {
      const executionId = await rows.execution();
      for (const body of ['x', 1, 2]) await send(executionId, 's', body);
      const first = await signalWait(executionId, 'first', 's', { schema: NUMBER });
      const text = await signalWait(executionId, 'text', 's', { schema: { type: 'string' } });
      expect((await send(executionId, 'other', null)).status).toBe(202);
      expect(await rows.stored(first)).toMatchObject({ answer: { body: 1 } });
      expect(await rows.stored(text)).toMatchObject({ answer: { body: 'x' } });
      expect(await kept(executionId)).toEqual([2, null]);
    });

    it('gives each of many simultaneous signals to one wait', async () => {
      const executionId = await rows.execution();
      const waits: string[] = [];
      for (let n = 0; n < 30; n += 1) waits.push(await signalWait(executionId, `n${n}`, 's'));
      const other = await Server.start({ DATABASE_URL: database, MAX_SIGNALS_PER_EXECUTION: '5' });
      try {
        const answers = await Promise.all(
          Array.from({ length: 33 }, (_, n) =>
            (n % 2 ? server : other).call('POST', `/api/executions/${executionId}/signals/s`, n),
          ),
        );
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      } finally {
        await other.kill('SIGTERM');
      }
      const bodies = await Promise.all(
        waits.map(async (waitId) => ((await rows.stored(waitId)).answer as { body: number }).body),
      );
      expect(new Set(bodies).size).toBe(30);
      expect((await kept(executionId)).length).toBe(3);
    });
  });

  describe('in executions', () => {
    const waiting = (watch: Watch, nodeId: string) =>
      watch.until(({ frames }) =>
        frames.some(({ type, data }) => type === 'execution:waiting' && data.nodeId === nodeId),
      );
    const output = async (id: string) => {
      await new Watch(server.url, `/api/executions/${id}/stream`).done();
      const { body } = await server.call('GET', `/api/executions/${id}`);
      return [body.status, body.output];
    };

    it('ends a wait node, whose output is the body', async () => {
      const id = await server.startExecution(flow([wait('paid', { signal: 'payment.received' })]));
      const watch = new Watch(server.url, `/api/executions/${id}/stream`);
      await waiting(watch, 'paid');
      expect((await send(id, 'payment.received', { amount: 120 })).status).toBe(202);
      await watch.done();
      expect(watch.frames.map(({ type, data }) => [type, data.status ?? data.outcome])).toEqual(
        expect.arrayContaining([
          ['execution:step', 'waiting'],
          ['execution:wait-ended', 'signalled'],
          ['execution:step', 'completed'],
        ]),
      );
      expect(await output(id)).toEqual(['completed', { amount: 120 }]);
    });

    it('keeps a signal until the wait begins', async () => {
      const id = await server.startExecution(
        flow(
          [
            wait('go', { signal: 'go' }),
            wait('first', { signal: 'data' }),
            wait('second', { signal: 'data' }),
          ],
          [
            { source: 'go', target: 'first' },
            { source: 'first', target: 'second' },
          ],
        ),
      );
      for (const n of [1, 2]) expect((await send(id, 'data', n)).status).toBe(202);
      expect((await send(id, 'go')).status).toBe(202);
      expect(await output(id)).toEqual(['completed', 2]);
    });

    it('expires, and fails or continues', async () => {
      const fails = await server.startExecution(flow([wait('w', { signal: 's', expiresInMs: 50 })]));
      const goesOn = await server.startExecution(
        flow([wait('w', { signal: 's', expiresInMs: 50, onExpire: 'continue' })]),
      );
      expect(await output(goesOn)).toEqual(['completed', null]);
      await output(fails);
      expect((await server.call('GET', `/api/executions/${fails}`)).body.error).toEqual({
        code: 'signal_expired',
        message: 'No signal s arrived within 50 ms (expiresInMs).',
        nodeId: 'w',
      });
    });

    it('takes a name with placeholders, and refuses one that is not valid after they are filled in', async () => {
      const named = (input: unknown) => ({
        ...flow([wait('w', { signal: 'order.{{input}}' })]),
        input,
      });
      const id = await server.startExecution(named('7'));
      await waiting(new Watch(server.url, `/api/executions/${id}/stream`), 'w');
      expect((await send(id, 'order.7', 'ok')).status).toBe(202);
      expect(await output(id)).toEqual(['completed', 'ok']);
      const wrong = await server.startExecution(named('a b'));
      expect((await output(wrong))[0]).toBe('failed');
      expect((await server.call('GET', `/api/executions/${wrong}`)).body.error).toMatchObject({
        code: 'invalid_config',
      });
      expect(
        await server.call('POST', '/api/executions', flow([wait('w', { signal: 'a b' })])),
      ).toMatchObject({
        status: 400,
        body: { errors: [{ path: 'workflow.nodes.0.data.config.signal' }] },
      });
    });

    it('is recorded at the resume if it comes during a pause', async () => {
      const id = await server.startExecution(flow([wait('w', { signal: 's' })]));
      const watch = new Watch(server.url, `/api/executions/${id}/stream`);
      await waiting(watch, 'w');
      await server.call('POST', `/api/executions/${id}/pause`);
      await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:paused'));
      expect((await send(id, 's', 'during the pause')).status).toBe(202);
      const { rows: found } = await rows.client.query(
        'SELECT outcome, recorded FROM cloutagent.waits WHERE execution_id = $1',
        [id],
      );
      expect(found).toEqual([{ outcome: 'signalled', recorded: false }]);
      await server.call('POST', `/api/executions/${id}/resume`);
      await watch.done();
      expect(await output(id)).toEqual(['completed', 'during the pause']);
    });
  });
});
