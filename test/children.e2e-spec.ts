import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform } from './support/trees.js';
import { delay, pathOf, Watch } from './support/watch.js';

describe('child executions', () => {
  let server: Server;
  let client: pg.Client;
  beforeAll(async () => {
    const url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    server = await Server.start({
      DATABASE_URL: url,
      DISPATCH_POLL_INTERVAL_MS: '500',
      MAX_CHILDREN: '2000',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await client.end();
  });

  const end = async (id: string) => {
    await new Watch(server.url, pathOf(id)).done();
    return (await server.call('GET', `/api/executions/${id}`)).body;
  };
  const endOf = async (workflow: object, input?: unknown, more?: object) =>
    end(await server.startExecution(run(workflow, input, more)));
  const childrenOf = async (id: string) =>
    (await server.call('GET', `/api/executions?parentId=${id}&limit=100`)).body.executions;

  describe('workflow', () => {
    it('gives its output to the parent', async () => {
      const inner = graph(transform('double', 'input * 2'));
      const execution = await endOf(
        graph(node('sub', 'workflow', { workflow: inner, input: '{{input}}' })),
        21,
      );
      expect(execution).toMatchObject({ status: 'completed', output: 42 });
      const [child] = await childrenOf(execution.id);
      expect(child).toMatchObject({
        status: 'completed',
        parent: { executionId: execution.id, nodeId: 'sub', index: 0 },
        rootId: execution.id,
        projectId: 'demo',
      });
    });

    it('gets the input of the parent by default, and fills its own placeholders', async () => {
      const inner = graph(
        node('echo', 'workflow', { workflow: graph(transform('id', 'input')), input: 'got {{input}}' }),
      );
      const execution = await endOf(graph(node('sub', 'workflow', { workflow: inner })), 'x');
      expect(execution).toMatchObject({ status: 'completed', output: 'got x' });
    });

    it('fails its node with the error of the child', async () => {
      const inner = graph(transform('boom', '$error("no luck")'));
      const execution = await endOf(graph(node('sub', 'workflow', { workflow: inner })));
      const [child] = await childrenOf(execution.id);
      expect(execution).toMatchObject({
        status: 'failed',
        error: { code: 'child_failed', nodeId: 'sub', message: expect.stringContaining(child!.id) },
      });
      expect(execution.error.message).toContain('no luck');
    });
  });

  it('stops a tree that has used more tokens than its root may', async () => {
    const agent = graph(node('ask', 'agent', { model: 'demo/echo', prompt: 'Repeat: {{input}}' }));
    const inner = graph(node('sub', 'workflow', { workflow: agent, input: '{{input}}' }));
    const items = Array.from({ length: 12 }, (_unused, index) => `item ${index}`);
    const map = node('map', 'map', { items, workflow: inner, concurrency: 1, onError: 'collect' });
    const execution = await endOf(graph(map), null, { options: { limits: { maxTokens: 200 } } });
    expect(execution).toMatchObject({ status: 'failed', error: { code: 'token_limit_exceeded' } });

    const path = `/api/executions?rootId=${execution.id}&limit=100`;
    const all = (await server.call('GET', path)).body.executions;
    const agents = all.filter(({ parent }) => parent?.nodeId === 'sub');
    const used = agents.filter(({ tokenUsage }) => tokenUsage.total > 0);
    // The call that exceeds the limit is the last one.
    expect(used.length).toBeLessThan(agents.length);
    const before = used.slice(0, -1).reduce((sum, { tokenUsage }) => sum + tokenUsage.total, 0);
    expect(before).toBeLessThanOrEqual(200);
    const failed = agents.find(({ status }) => status === 'failed')!;
    expect((await server.call('GET', `/api/executions/${failed.id}`)).body.error).toMatchObject({
      code: 'token_limit_exceeded',
      message: expect.stringMatching(/of its tree used \d+ tokens; their limit is 200/),
    });
  }, 30_000);

  describe('map', () => {
    it('keeps the order of the items', async () => {
      const inner = graph(transform('square', 'input * input'));
      const items = Array.from({ length: 30 }, (_unused, index) => index);
      const execution = await endOf(
        graph(node('map', 'map', { items: '{{input}}', workflow: inner, concurrency: 7 })),
        items,
      );
      expect(execution).toMatchObject({ status: 'completed', output: items.map((item) => item * item) });
    });

    it('gives an empty list for no items', async () => {
      const execution = await endOf(graph(node('map', 'map', { items: [], workflow: graph(delay('d', 1)) })));
      expect(execution).toMatchObject({ status: 'completed', output: [] });
    });

    it('collects failures', async () => {
      const inner = graph(transform('check', 'input = 2 ? $error("two") : input'));
      const execution = await endOf(
        graph(node('map', 'map', { items: [1, 2, 3], workflow: inner, onError: 'collect' })),
      );
      expect(execution.output).toEqual([
        { output: 1 },
        { error: { code: expect.any(String), message: expect.stringContaining('two') } },
        { output: 3 },
      ]);
    });

    it('cancels the other children after a failure', async () => {
      const inner = graph(transform('check', 'input = 0 ? $error("zero") : input'), delay('long', 3_600_000));
      const items = Array.from({ length: 50 }, (_unused, index) => index);
      const execution = await endOf(graph(node('map', 'map', { items, workflow: inner, concurrency: 4 })));
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'child_failed' } });
      const children = await childrenOf(execution.id);
      expect(children).toHaveLength(50);
      expect(children.filter(({ status }: { status: string }) => status === 'failed')).toHaveLength(1);
      expect(children.filter(({ status }: { status: string }) => status === 'cancelled')).toHaveLength(49);
    });

    it('refuses more items than MAX_CHILDREN before a child begins', async () => {
      const items = transform('items', '[1..5000]');
      const execution = await endOf(
        graph(items, node('map', 'map', { items: '{{nodes.items.output}}', workflow: graph(delay('d', 1)) })),
      );
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'too_many_children' } });
      expect(await childrenOf(execution.id)).toEqual([]);
    });

    it('runs only the children again that did not complete when the node is retried', async () => {
      const inner = graph(transform('check', 'input = 2 and $random() < 2 ? $error("two") : input'));
      const execution = await endOf(
        graph(
          node(
            'map',
            'map',
            { items: [1, 2, 3], workflow: inner, concurrency: 1 },
            { retry: { maxRetries: 1, baseMs: 1, maxMs: 1, on: ['child_failed'] } },
          ),
        ),
      );
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'child_failed' } });
      const { rows } = await client.query(
        `SELECT parent_index AS index, superseded, status FROM cloutagent.executions WHERE parent_id = $1 ORDER BY id`,
        [execution.id],
      );
      expect(rows).toEqual([
        { index: 0, superseded: false, status: 'completed' },
        { index: 1, superseded: true, status: 'failed' },
        { index: 2, superseded: true, status: 'cancelled' },
        { index: 1, superseded: false, status: 'failed' },
        { index: 2, superseded: false, status: 'cancelled' },
      ]);
    });
  });

  describe('loop', () => {
    const increment = graph(transform('next', 'input + 1'));
    it.each([
      ['until', { until: 'output >= 5' }, 5],
      ['until, at least once', { until: 'true' }, 1],
      ['while', { while: 'index < 3' }, 3],
      ['while, not at all', { while: 'false' }, null],
      ['its own input', { until: 'output >= input + 2', input: 40 }, 42],
      ['the execution', { until: '$exists(execution.id) and index = 1' }, 2],
    ])('repeats: %s', async (_name, config, output) => {
      const execution = await endOf(
        graph(node('loop', 'loop', { workflow: increment, maxIterations: 10, ...config })),
        0,
      );
      expect(execution).toMatchObject({ status: 'completed', output });
    });

    it('fails when it reaches maxIterations', async () => {
      const execution = await endOf(
        graph(node('loop', 'loop', { workflow: increment, maxIterations: 3, until: 'false' })),
        0,
      );
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'loop_limit_reached' } });
      expect(await childrenOf(execution.id)).toHaveLength(3);
    });

    it('fails when its condition gives no boolean', async () => {
      const execution = await endOf(
        graph(node('loop', 'loop', { workflow: increment, maxIterations: 3, until: 'output' })),
        0,
      );
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'condition_failed' } });
    });
  });

  describe('a request', () => {
    const inner = graph(delay('d', 1));
    const cyclic = { ...graph(delay('a', 1), delay('b', 1)), edges: [] as object[] };
    cyclic.edges = [
      { source: 'a', target: 'b' },
      { source: 'b', target: 'a' },
    ];
    const at = (path: string) => `workflow.nodes.0.data.config.${path}`;
    it.each([
      ['no workflow', 'workflow', {}, 'validation_failed', at('workflow')],
      ['a saved workflow that does not exist', 'workflow', { ref: 'x' }, 'validation_failed', at('ref')],
      ['two workflows', 'map', { items: [], workflow: inner, ref: 'x' }, 'validation_failed', at('workflow')],
      ['a workflow as text', 'workflow', { workflow: '{{input}}' }, 'validation_failed', at('workflow')],
      ['items that are no list', 'map', { items: 'abc', workflow: inner }, 'validation_failed', at('items')],
      ['no condition', 'loop', { workflow: inner, maxIterations: 3 }, 'validation_failed', at('until')],
      [
        'two conditions',
        'loop',
        { workflow: inner, maxIterations: 3, while: 'true', until: 'true' },
        'validation_failed',
        at('until'),
      ],
      [
        'a condition that does not parse',
        'loop',
        { workflow: inner, maxIterations: 3, until: '((' },
        'validation_failed',
        at('until'),
      ],
      [
        'no maxIterations',
        'loop',
        { workflow: inner, until: 'true' },
        'validation_failed',
        at('maxIterations'),
      ],
      [
        'an inner problem',
        'map',
        {
          items: [1],
          workflow: graph(node('sub', 'workflow', { workflow: graph(node('x', 'nosuch', {})) })),
        },
        'validation_failed',
        at('workflow.nodes.0.data.config.workflow.nodes.0.type'),
      ],
      ['an inner cycle', 'workflow', { workflow: cyclic }, 'validation_failed', at('workflow.edges')],
    ])('is refused with its path: %s', async (_name, type, config, code, path) => {
      const { status, body } = await server.call(
        'POST',
        '/api/executions',
        run(graph(node('n', type, config))),
      );
      expect({
        status,
        code: body.code,
        paths: body.errors.map((error: { path: string }) => error.path),
      }).toEqual({
        status: 400,
        code,
        paths: expect.arrayContaining([expect.stringContaining(path)]),
      });
    });

    it('fails at run time if the items are no list', async () => {
      const execution = await endOf(graph(node('map', 'map', { items: '{{input}}', workflow: inner })), {
        a: 1,
      });
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'invalid_config' } });
    });

    it('stops a map whose outputs are too large together', async () => {
      const big = graph(transform('big', '$pad("", 200000, "x")'));
      const items = Array.from({ length: 200 }, (_unused, index) => index);
      const execution = await endOf(graph(node('map', 'map', { items, workflow: big, concurrency: 2 })));
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'output_too_large' } });
      const { rows } = await client.query(
        `SELECT count(*)::int AS ran FROM cloutagent.executions WHERE parent_id = $1 AND status = 'completed'`,
        [execution.id],
      );
      expect(rows[0].ran).toBeLessThan(100);
    });
  });
});
