import { Workflow } from '@cloutagent/contract';
import pg from 'pg';
import type { KeptChild, KeptWork } from '../src/database/schema.js';
import { childHashOf, workflowHashOf } from '../src/engine/children/child-hash.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type Answer, createDatabase, Server } from './support/server.js';
import { agent, ids, start, upTo, Watch } from './support/watch.js';

interface ChildRow {
  status?: string;
  output?: unknown;
  superseded?: boolean;
}

describe('a re-run', () => {
  let server: Server;
  let database: pg.Client;
  let web: FakeHttpServer;
  /** Paths at which the web server answers 400. */
  const refused = new Set<string>();

  beforeAll(async () => {
    web = await startFakeHttpServer(({ path }, response) => {
      response.writeHead(refused.has(path) ? 400 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ path }));
    });
    const url = await createDatabase();
    server = await Server.start({ DATABASE_URL: url, HTTP_ALLOWED_HOSTS: '127.0.0.1', OPENAI_API_KEY: 'k' });
    database = new pg.Client({ connectionString: url });
    await database.connect();
  });
  afterAll(async () => {
    await database.end();
    await server.kill('SIGTERM');
    await web.close();
  });
  beforeEach(() => {
    refused.clear();
    web.requests.length = 0;
  });

  const http = (id: string, config: object = {}) => ({
    id,
    type: 'http',
    data: { config: { url: `${web.url}/${id}`, ...config } },
  });
  const line = (...nodes: { id: string }[]): [string, string][] =>
    nodes.slice(1).map(({ id }, index) => [nodes[index]!.id, id]);
  const callsTo = (id: string): number => web.requests.filter(({ path }) => path === `/${id}`).length;
  const stream = (id: string) => new Watch(server.url, `/api/executions/${id}/stream`);
  const rerun = (id: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    server.call('POST', `/api/executions/${id}/rerun`, body, headers);
  const keptOf = async (id: string): Promise<KeptWork> =>
    (await database.query<{ kept: KeptWork }>('SELECT kept FROM cloutagent.executions WHERE id = $1', [id]))
      .rows[0]!.kept;
  const run = async (request: object): Promise<Answer['body']> => {
    const id = await server.startExecution(request);
    await stream(id).done();
    return (await server.call('GET', `/api/executions/${id}`)).body;
  };
  const runAgain = async (id: string, body?: unknown): Promise<{ watch: Watch; shown: Answer['body'] }> => {
    const answer = await rerun(id, body);
    expect(answer.status).toBe(202);
    const watch = await stream(answer.body.id).done();
    return { watch, shown: (await server.call('GET', `/api/executions/${answer.body.id}`)).body };
  };
  const statuses = ({ steps }: Answer['body']): string[] =>
    steps.map(({ nodeId, status, reusedFrom }) => `${nodeId} ${status}${reusedFrom ? ' reused' : ''}`);

  /** Six nodes in a line, of which the fifth fails. Two call a model. */
  const failAtFifth = async (): Promise<{ failed: Answer['body']; nodes: { id: string }[] }> => {
    const quick = { chunks: 1, delayMs: 0 };
    const nodes = [http('n1'), agent('n2', quick), http('n3'), agent('n4', quick), http('n5'), http('n6')];
    refused.add('/n5');
    const failed = await run(start(nodes, line(...nodes), { tags: ['nightly'] }));
    refused.clear();
    expect(failed.status).toBe('failed');
    return { failed, nodes };
  };

  describe('as a request', () => {
    it('is answered with a new execution of the same project and tags, and with its address', async () => {
      const { failed } = await failAtFifth();
      const { status, headers, body } = await rerun(failed.id);
      expect(status).toBe(202);
      expect(headers.get('location')).toBe(`/api/executions/${body.id}`);
      expect(body).toMatchObject({
        projectId: 'demo',
        tags: ['nightly'],
        input: 'hello',
        rerunOf: failed.id,
      });
      expect(body.id).not.toBe(failed.id);
      const { steps } = await keptOf(body.id);
      expect(steps.map((step) => `${step.nodeId} ${step.status}`)).toEqual([
        'n1 completed',
        'n2 completed',
        'n3 completed',
        'n4 completed',
      ]);
      await stream(body.id).done();
    });

    it('is refused while the execution runs', async () => {
      const id = await server.startExecution(start([agent('a', { hang: true })]));
      const running = await rerun(id);
      expect([running.status, running.body.code]).toEqual([409, 'execution_not_ended']);
      await server.call('POST', `/api/executions/${id}/cancel`);
      await stream(id).done();
    });

    it('does not exist for an unknown execution, and for one of another project', async () => {
      const { failed } = await failAtFifth();
      const key = await server.call('POST', '/api/keys', {
        name: 'other',
        projects: ['other'],
        scopes: ['executions:read', 'executions:write'],
      });
      const authorization = `Bearer ${key.body.key}`;
      const answers = [
        await rerun(failed.id, {}, { authorization }),
        await rerun('0199c0de-0000-7000-8000-000000000001'),
        await rerun('no-id'),
      ];
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
        answers.map(() => [404, 'not_found']),
      );
    });

    it('needs the scope executions:write', async () => {
      const { failed } = await failAtFifth();
      const key = await server.call('POST', '/api/keys', {
        name: 'reader',
        projects: ['demo'],
        scopes: ['executions:read', 'executions:control'],
      });
      const authorization = `Bearer ${key.body.key}`;
      const answer = await rerun(failed.id, {}, { authorization });
      expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope']);
    });

    it.each<[title: string, body: (nodes: object[]) => object, path: string, code?: string]>([
      ['an unknown node in from', () => ({ from: ['n1', 'n7'] }), 'from.1'],
      ['no node in from', () => ({ from: [] }), 'from'],
      ['another word in from', () => ({ from: 'faild' }), 'from'],
      ['an unknown member', () => ({ input: 1, nodes: [] }), ''],
      [
        'a workflow with a cycle',
        (nodes) => ({
          workflow: {
            nodes,
            edges: [
              { source: 'n1', target: 'n2' },
              { source: 'n2', target: 'n1' },
            ],
          },
        }),
        'workflow.edges',
      ],
      [
        'a config that its node does not accept',
        () => ({
          workflow: { nodes: [{ id: 'n1', type: 'delay', data: { config: { ms: 'x' } } }], edges: [] },
        }),
        'workflow.nodes.0.data.config.ms',
      ],
      [
        'a limit that cannot be enforced',
        () => ({
          workflow: {
            nodes: [{ id: 'n1', type: 'agent', data: { config: { model: 'openai/x', prompt: 'x' } } }],
          },
          options: { limits: { maxCostUSD: 1 } },
        }),
        'workflow.nodes.0.data.config.model',
        'price_unknown',
      ],
    ])('is refused for %s', async (_title, body, path, code = 'validation_failed') => {
      const { failed, nodes } = await failAtFifth();
      const answer = await rerun(failed.id, body(nodes));
      expect([answer.status, answer.body.code]).toEqual([400, code]);
      expect(answer.body.errors.some((error) => error.path.startsWith(path))).toBe(true);
    });

    it('is refused with the words that from may have', async () => {
      const { failed } = await failAtFifth();
      const errors = async (from: unknown) => (await rerun(failed.id, { from })).body.errors;
      const message = 'must be "failed" or a list of node ids';
      expect(await errors('faild')).toEqual([{ path: 'from', message }]);
      expect(await errors([])).toEqual([{ path: 'from', message: 'must name at least one node' }]);
    });

    it('is refused if nothing would run again', async () => {
      const completed = await run(start([http('n1')]));
      for (const body of [
        undefined,
        { from: 'failed' },
        { options: { maxRetries: 1 } },
        { input: 'hello' },
      ]) {
        const answer = await rerun(completed.id, body);
        expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([400, 'from']);
      }
      expect((await rerun(completed.id, { input: 2, from: 'failed' })).status).toBe(400);
    });

    it('is made once by 20 requests with one Idempotency-Key, for one execution and one body', async () => {
      const { failed } = await failAtFifth();
      const headers = { 'idempotency-key': 'again' };
      const body = { from: ['n5'], options: { maxRetries: 1, timeoutMs: 60_000 } };
      const answers = await Promise.all(upTo(20).map(() => rerun(failed.id, body, headers)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      expect(new Set(answers.map(({ body: { id } }) => id)).size).toBe(1);
      expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === null)).toHaveLength(1);

      const reordered = { options: { timeoutMs: 60_000, maxRetries: 1 }, from: ['n5'] };
      expect((await rerun(failed.id, reordered, headers)).body.id).toBe(answers[0]!.body.id);

      const { failed: other } = await failAtFifth();
      const { input, workflow, options, tags } = (
        await database.query<Record<string, object>>(
          'SELECT input, workflow, options, tags FROM cloutagent.executions WHERE id = $1',
          [answers[0]!.body.id],
        )
      ).rows[0]!;
      const others = [
        await rerun(failed.id, { from: ['n4'] }, headers),
        await rerun(other.id, body, headers),
        // Equivalent to the new execution itself, but not a re-run.
        await server.call(
          'POST',
          '/api/executions',
          { projectId: 'demo', input, workflow, options, tags },
          headers,
        ),
      ];
      expect(others.map(({ status, body: { code } }) => [status, code])).toEqual(
        others.map(() => [422, 'idempotency_key_reused']),
      );
      await stream(answers[0]!.body.id).done();
    });
  });

  describe('as an execution', () => {
    it('reuses the four steps before the one that failed, at no cost, in a whole stream of its own', async () => {
      const { failed } = await failAtFifth();
      expect(failed.tokenUsage.total).toBeGreaterThan(0);
      const { watch, shown } = await runAgain(failed.id);
      expect(['n1', 'n3', 'n5', 'n6'].map(callsTo)).toEqual([1, 1, 2, 1]);
      expect(statuses(shown)).toEqual([
        'n1 completed reused',
        'n2 completed reused',
        'n3 completed reused',
        'n4 completed reused',
        'n5 completed',
        'n6 completed',
      ]);
      expect(shown).toMatchObject({ status: 'completed', costUSD: 0, rerunOf: failed.id });
      expect(shown.tokenUsage).toEqual({ input: 0, output: 0, total: 0 });
      expect(shown.steps.slice(0, 4).map(({ output, reusedFrom }) => [output, reusedFrom])).toEqual(
        failed.steps.slice(0, 4).map(({ output }) => [output, failed.id]),
      );
      expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
      expect(watch.frames.slice(0, 6).map(({ type }) => type)).toEqual([
        'execution:started',
        ...Array.from({ length: 4 }, () => 'execution:step'),
        'execution:progress',
      ]);
      expect(watch.frames[5]!.data).toMatchObject({ completedSteps: 4, totalSteps: 6 });
      expect(watch.frames.some(({ type }) => type === 'execution:token-usage')).toBe(false);
      expect(watch.frames.at(-1)!.data.result).toEqual(shown);
    });

    it('gives kept outputs to the nodes that run', async () => {
      const nodes = [http('first'), http('second', { method: 'POST', body: 'got {{nodes.first.output}}' })];
      refused.add('/second');
      const failed = await run(start(nodes, line(...nodes)));
      refused.clear();
      const { shown } = await runAgain(failed.id);
      expect(shown.status).toBe('completed');
      const [, sent, again] = web.requests.map((request) => request.body);
      expect(sent).toContain('/first');
      expect(again).toBe(sent);
    });

    it('begins at named nodes and runs all that they lead to', async () => {
      const nodes = [http('a'), http('b'), http('c'), http('d')];
      const completed = await run(
        start(nodes, [
          ['a', 'b'],
          ['a', 'c'],
          ['b', 'd'],
          ['c', 'd'],
        ]),
      );
      const { shown } = await runAgain(completed.id, { from: ['b'] });
      expect(statuses(shown)).toEqual([
        'a completed reused',
        'c completed reused',
        'b completed',
        'd completed',
      ]);
      expect(['a', 'b', 'c', 'd'].map(callsTo)).toEqual([1, 2, 1, 2]);
    });

    it('runs with another input, and keeps what is done', async () => {
      const nodes = [http('a'), http('b', { method: 'POST', body: '{{input}}' })];
      refused.add('/b');
      const failed = await run(start(nodes, line(...nodes)));
      refused.clear();
      const { shown } = await runAgain(failed.id, { input: 'changed' });
      expect(shown).toMatchObject({ status: 'completed', input: 'changed' });
      expect([callsTo('a'), web.requests.at(-1)!.body]).toEqual([1, 'changed']);
    });

    it('runs all nodes with another input if none failed', async () => {
      const completed = await run(start([http('a')]));
      const { shown } = await runAgain(completed.id, { input: null });
      expect(shown.input).toBeNull();
      expect([statuses(shown), callsTo('a')]).toEqual([['a completed'], 2]);
    });

    it('runs with another workflow: changed nodes and what they lead to run again', async () => {
      const nodes = [http('a'), http('b'), http('c')];
      const completed = await run(start(nodes, line(...nodes)));
      const changed = [http('a'), http('b', { method: 'PUT' }), http('c'), http('e')];
      const { nodes: newNodes, edges } = start(changed, line(...changed)).workflow;
      const { shown } = await runAgain(completed.id, { workflow: { nodes: newNodes, edges } });
      expect(statuses(shown)).toEqual(['a completed reused', 'b completed', 'c completed', 'e completed']);
      expect(['a', 'b', 'c', 'e'].map(callsTo)).toEqual([1, 2, 2, 1]);
    });

    it('runs with other options', async () => {
      const nodes = [http('a'), agent('b', { hang: true })];
      const failed = await run(start(nodes, line(...nodes), { options: { timeoutMs: 300 } }));
      expect(failed.error.code).toBe('execution_timeout');
      const { body } = await rerun(failed.id, { options: { timeoutMs: 600 } });
      const watch = await stream(body.id).done();
      expect(watch.frames.at(-1)!.data.code).toBe('execution_timeout');
      const { startedAt, completedAt, steps } = (await server.call('GET', `/api/executions/${body.id}`)).body;
      expect(Date.parse(completedAt) - Date.parse(startedAt)).toBeGreaterThanOrEqual(550);
      expect(steps[0]!.reusedFrom).toBe(failed.id);
    });

    it('may be run again itself, also after the first execution was deleted', async () => {
      const nodes = [http('a'), http('b'), http('c')];
      refused.add('/b');
      const first = await run(start(nodes, line(...nodes)));
      refused.delete('/b');
      refused.add('/c');
      const { shown: second } = await runAgain(first.id);
      expect(second.status).toBe('failed');
      refused.clear();
      await database.query('DELETE FROM cloutagent.executions WHERE id = $1', [first.id]);
      const { shown: third } = await runAgain(second.id);
      expect(third).toMatchObject({ status: 'completed', rerunOf: second.id });
      expect(statuses(third)).toEqual(['a completed reused', 'b completed reused', 'c completed']);
      expect(third.steps.map(({ reusedFrom }) => reusedFrom)).toEqual([first.id, second.id, undefined]);
      expect(['a', 'b', 'c'].map(callsTo)).toEqual([1, 2, 2]);
    });

    it('keeps its work when the execution was deleted before it starts', async () => {
      const { failed } = await failAtFifth();
      const { body } = await rerun(failed.id);
      await database.query('DELETE FROM cloutagent.executions WHERE id = $1', [failed.id]);
      await stream(body.id).done();
      expect((await server.call('GET', `/api/executions/${body.id}`)).body.status).toBe('completed');
    });

    it('keeps its work when its first owner died before it recorded anything', async () => {
      const { failed } = await failAtFifth();
      const { body } = await rerun(failed.id);
      await stream(body.id).done();
      const id = '0199c0de-0000-7000-8000-00000000dead';
      await database.query(
        `INSERT INTO cloutagent.executions
           (id, project_id, input, workflow, options, tags, created_by, rerun_of, kept, attempt, runnable_at)
         SELECT $2, project_id, input, workflow, options, tags, created_by, rerun_of, kept, 1, now()
         FROM cloutagent.executions WHERE id = $1`,
        [body.id, id],
      );
      const watch = await stream(id).done();
      expect(watch.frames[0]!.data).toMatchObject({ type: 'execution:started', attempt: 2 });
      expect(watch.frames.filter(({ data }) => data.reusedFrom === failed.id)).toHaveLength(4);
      expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    });

    it('follows the branches that the first execution took', async () => {
      const workflow = {
        nodes: [http('a'), http('yes'), http('no'), http('end')],
        edges: [
          { source: 'a', target: 'yes', when: 'input = "hello"' },
          { source: 'a', target: 'no', otherwise: true },
          { source: 'yes', target: 'end' },
          { source: 'no', target: 'end' },
        ],
      };
      refused.add('/end');
      const failed = await run({ projectId: 'demo', input: 'hello', workflow });
      refused.clear();
      const { watch, shown } = await runAgain(failed.id, { input: 'bye' });
      expect(statuses(shown).toSorted()).toEqual([
        'a completed reused',
        'end completed',
        'no skipped reused',
        'yes completed reused',
      ]);
      expect(watch.frames.filter(({ type }) => type === 'execution:branch')).toHaveLength(1);
      expect(['a', 'yes', 'no', 'end'].map(callsTo)).toEqual([1, 1, 0, 2]);
    });

    it('keeps a failure that an edge has handled when other nodes are named, and runs it again otherwise', async () => {
      const workflow = {
        nodes: [http('try'), http('saved'), http('last')],
        edges: [
          { source: 'try', target: 'saved', on: 'error' },
          { source: 'saved', target: 'last' },
        ],
      };
      refused.add('/try');
      const completed = await run({ projectId: 'demo', input: 1, workflow });
      expect(completed.status).toBe('completed');
      const { shown: named } = await runAgain(completed.id, { from: ['last'] });
      expect(statuses(named)).toEqual(['try failed reused', 'saved completed reused', 'last completed']);
      refused.clear();
      const { shown: failed } = await runAgain(completed.id);
      expect(statuses(failed)).toEqual(['try completed', 'saved skipped', 'last skipped']);
    });

    it("keeps a person's answer only if input and workflow are the same", async () => {
      const nodes = [http('a'), { id: 'ask', type: 'approval', data: { config: {} } }, http('b')];
      refused.add('/b');
      const id = await server.startExecution(start(nodes, line(...nodes)));
      await stream(id).until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
      expect((await server.call('POST', `/api/executions/${id}/approve`)).status).toBe(202);
      await stream(id).done();
      const { shown: same } = await runAgain(id, { options: { maxRetries: 0 } });
      expect(statuses(same)).toEqual(['a completed reused', 'ask completed reused', 'b failed']);
      for (const [source, change] of [
        [id, { input: 'changed' }],
        [same.id, { input: 'changed' }],
        [id, { workflow: start([...nodes, http('new')], line(...nodes)).workflow }],
      ] as const) {
        const { body } = await rerun(source, change);
        await stream(body.id).until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
        const { steps } = (await server.call('GET', `/api/executions/${body.id}`)).body;
        expect(steps.find(({ nodeId }) => nodeId === 'ask')).toMatchObject({ status: 'waiting' });
        expect(steps.find(({ nodeId }) => nodeId === 'a')).toMatchObject({ reusedFrom: id });
        await server.call('POST', `/api/executions/${body.id}/cancel`);
        await stream(body.id).done();
      }
    });
  });

  describe('with rows of child executions', () => {
    const inner = {
      nodes: ['x', 'y'].map((id) => ({ id, type: 'http', data: { config: { url: 'http://127.0.0.1/' } } })),
      edges: [{ source: 'x', target: 'y' }],
    };

    /** Inserts a child that has ended, below the node `n1`. */
    const insertChild = async (
      parentId: string,
      index: number,
      { status = 'completed', output, superseded = false }: ChildRow = {},
    ): Promise<string> => {
      const { rows } = await database.query<{ id: string }>(
        `INSERT INTO cloutagent.executions
           (id, project_id, input, workflow, options, tags, created_by, status, output, started_at, completed_at,
            parent_id, parent_node_id, parent_index, root_id, depth, superseded)
         VALUES (gen_random_uuid(), 'demo', $3, $4, '{}', '{}', 'key:x', $5, $6, now(), now(),
            $1, 'n1', $2, $1, 1, $7) RETURNING id`,
        [
          parentId,
          index,
          JSON.stringify({ index }),
          JSON.stringify(inner),
          status,
          status === 'completed' ? JSON.stringify(output ?? null) : null,
          superseded,
        ],
      );
      return rows[0]!.id;
    };
    const fail = async (): Promise<string> => {
      refused.add('/n1');
      return (await run(start([http('n1')]))).id;
    };
    /** Runs an execution again, and returns what it keeps of the children of `n1`. */
    const runChildrenAgain = async (
      id: string,
      body?: object,
    ): Promise<{ id: string; kept: KeptChild[] | undefined }> => {
      const answer = await rerun(id, body);
      expect(answer.status).toBe(202);
      await stream(answer.body.id).done();
      return { id: answer.body.id, kept: (await keptOf(answer.body.id)).children['n1'] };
    };
    const hashOf = (index: number): string => childHashOf(workflowHashOf(Workflow.parse(inner)), { index });

    it('keeps outputs of completed children, and the work of others', async () => {
      const id = await fail();
      const done = await insertChild(id, 0, { output: { n: 1 } });
      await insertChild(id, 2, { status: 'failed', superseded: true });
      const failed = await insertChild(id, 2, { status: 'failed' });
      const step = (nodeId: string, status: string) =>
        JSON.stringify({
          executionId: failed,
          timestamp: '2026-01-01T00:00:00.000Z',
          step: nodeId,
          stepId: `s-${nodeId}`,
          nodeId,
          nodeType: 'http',
          status,
          attempt: 1,
          output: 7,
        });
      await database.query(
        `INSERT INTO cloutagent.events (execution_id, sequence, type, data)
         VALUES ($1, 1, 'execution:step', $2), ($1, 2, 'execution:step', $3)`,
        [failed, step('x', 'completed'), step('y', 'failed')],
      );
      const { id: second, kept } = await runChildrenAgain(id);
      expect(kept).toEqual([
        { index: 0, rerunOf: done, hash: hashOf(0), output: { n: 1 } },
        {
          index: 2,
          rerunOf: failed,
          hash: hashOf(2),
          kept: {
            steps: [
              {
                nodeId: 'x',
                nodeType: 'http',
                step: 'x',
                status: 'completed',
                output: 7,
                reusedFrom: failed,
              },
            ],
            branches: [],
            children: {},
          },
        },
      ]);
      // A re-run of the re-run, in which the node failed before it started a child.
      expect((await runChildrenAgain(second)).kept).toEqual(kept);
    });

    it('keeps a child in which a person has answered only if input and workflow are the same', async () => {
      const id = await fail();
      const child = await insertChild(id, 0);
      const below = await insertChild(child, 0);
      await database.query(
        `INSERT INTO cloutagent.waits
           (id, execution_id, project_id, node_id, step_id, key, kind, request, outcome, recorded)
         VALUES (gen_random_uuid(), $1, 'demo', 'x', 's', 'approval', 'approval', '{}', 'answered', true),
           (gen_random_uuid(), $2, 'demo', 'n1', 's', 'items', 'children', '{}', 'children-done', true)`,
        [below, child],
      );
      const { id: second, kept } = await runChildrenAgain(id);
      expect(kept).toMatchObject([{ rerunOf: child, isAnswered: true }]);
      expect((await runChildrenAgain(id, { input: 'changed' })).kept).toBeUndefined();
      expect((await runChildrenAgain(second)).kept).toEqual(kept);
      expect((await runChildrenAgain(second, { input: 'changed' })).kept).toBeUndefined();
    });

    it('keeps outputs of children up to OUTPUTS_MAX_BYTES', async () => {
      const id = await fail();
      for (const index of [0, 1, 2]) await insertChild(id, index, { output: 'x'.repeat(4_000_000) });
      expect((await runChildrenAgain(id)).kept!.map(({ index }) => index)).toEqual([0, 1]);
    });

    it('keeps none for another config', async () => {
      const id = await fail();
      await insertChild(id, 0);
      const { workflow } = start([http('n1', { method: 'PUT' })]);
      expect((await runChildrenAgain(id, { workflow })).kept).toBeUndefined();
    });
  });

  describe('over child executions', () => {
    const map = (onError: 'fail' | 'collect', concurrency = 5) => ({
      id: 'each',
      type: 'map',
      data: {
        config: {
          items: '{{input}}',
          concurrency,
          onError,
          workflow: {
            nodes: [
              http('before', { url: `${web.url}/before/{{input}}` }),
              http('item', { url: `${web.url}/item/{{input}}` }),
            ],
            edges: [{ source: 'before', target: 'item' }],
          },
        },
      },
    });
    const items = ['p', 'q', 'r', 's', 't'];
    const calls = (name: string): number[] => items.map((item) => callsTo(`${name}/${item}`));

    it('runs only the items that failed, and in them only the nodes that failed', async () => {
      for (const item of ['q', 's']) refused.add(`/item/${item}`);
      const completed = await run(start([map('collect')], [], { input: items }));
      expect(completed.status).toBe('completed');
      refused.clear();
      const { shown } = await runAgain(completed.id);
      expect(shown.status).toBe('completed');
      expect(calls('item')).toEqual([1, 2, 1, 2, 1]);
      expect(calls('before')).toEqual([1, 1, 1, 1, 1]);
      const { executions } = (await server.call('GET', `/api/executions?parentId=${shown.id}`)).body;
      expect(executions.map(({ parent }) => parent!.index).toSorted((one, other) => one - other)).toEqual([
        1, 3,
      ]);
    });

    it('still has the outputs that an earlier re-run kept', async () => {
      for (const item of ['q', 's']) refused.add(`/item/${item}`);
      const first = await run(start([map('collect')], [], { input: items }));
      refused.delete('/item/q');
      const { shown: second } = await runAgain(first.id);
      refused.clear();
      const { shown: third } = await runAgain(second.id);
      expect(calls('item')).toEqual([1, 2, 1, 3, 1]);
      expect(calls('before')).toEqual([1, 1, 1, 1, 1]);
      const outputsOf = ({ output }: Answer['body']): unknown[] => output as unknown[];
      expect(outputsOf(third).slice(0, 3)).toEqual(outputsOf(second).slice(0, 3));
      expect(outputsOf(third)).toHaveLength(5);
    });

    it('continues a loop at the turn that failed', async () => {
      const loop = {
        id: 'turns',
        type: 'loop',
        data: {
          config: {
            input: 'p',
            maxIterations: 5,
            until: 'index = 2',
            workflow: {
              nodes: [
                http('turn', { url: `${web.url}/turn/{{input}}` }),
                {
                  id: 'next',
                  type: 'transform',
                  data: { config: { expression: "input = 'p' ? 'q' : 'r'" } },
                },
              ],
              edges: [{ source: 'turn', target: 'next' }],
            },
          },
        },
      };
      refused.add('/turn/r');
      const failed = await run(start([loop]));
      expect(failed.status).toBe('failed');
      refused.clear();
      const { shown } = await runAgain(failed.id);
      expect(shown.status).toBe('completed');
      expect(['p', 'q', 'r'].map((turn) => callsTo(`turn/${turn}`))).toEqual([1, 1, 2]);
    });

    it('keeps completed items of a map that failed, also over two re-runs', async () => {
      refused.add('/item/t');
      const failed = await run(start([map('fail', 1)], [], { input: items }));
      expect(failed.status).toBe('failed');
      const { shown: second } = await runAgain(failed.id);
      expect(second.status).toBe('failed');
      refused.clear();
      const { shown: third } = await runAgain(second.id);
      expect(third.status).toBe('completed');
      expect(calls('item')).toEqual([1, 1, 1, 1, 3]);
      expect(calls('before')).toEqual([1, 1, 1, 1, 1]);
    });

    it('runs an item again whose value is another one', async () => {
      refused.add('/item/t');
      const failed = await run(start([map('fail', 1)], [], { input: items }));
      refused.clear();
      const { shown } = await runAgain(failed.id, { input: ['p', 'new', 'r', 's', 't'] });
      expect(shown.status).toBe('completed');
      expect(calls('item')).toEqual([1, 1, 1, 1, 2]);
      expect(callsTo('item/new')).toBe(1);
    });

    it('runs all items of a completed map that is named', async () => {
      const completed = await run(start([map('fail')], [], { input: items }));
      await runAgain(completed.id, { from: ['each'] });
      expect(calls('item')).toEqual([2, 2, 2, 2, 2]);
    });

    it('makes a root of a child', async () => {
      refused.add('/item/q');
      const failed = await run(start([map('collect')], [], { input: items }));
      refused.clear();
      const { executions } = (await server.call('GET', `/api/executions?parentId=${failed.id}&status=failed`))
        .body;
      const { shown } = await runAgain(executions[0]!.id);
      expect(shown).toMatchObject({ status: 'completed', input: 'q', rerunOf: executions[0]!.id });
      expect(shown.parent).toBeUndefined();
      expect(statuses(shown)).toEqual(['before completed reused', 'item completed']);
    });
  });
});
