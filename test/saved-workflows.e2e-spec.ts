import type {
  ExecutionPage,
  SavedWorkflow,
  SavedWorkflowPage,
  WorkflowDiff,
  WorkflowVersionPage,
} from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, createDatabase, Server } from './support/server.js';
import { agent, Watch } from './support/watch.js';

const step = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const graph = (expression = 'input') => ({ nodes: [step('t', expression)] });

describe('saved workflows', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      MAX_VERSIONS_PER_WORKFLOW: '30',
      MAX_WORKFLOWS_PER_PROJECT: '40',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    server.call(method, path, body, headers);
  const read = async <T>(path: string, headers: Record<string, string> = {}): Promise<T> =>
    (await call('GET', path, undefined, headers)).body as unknown as T;
  const save = async (
    name: string,
    content: object,
    headers: Record<string, string> = {},
    project = 'demo',
  ): Promise<{ status: number; headers: Headers; body: SavedWorkflow & Answer['body'] }> => {
    const answer = await call('PUT', `/api/workflows/${project}/${name}`, content, headers);
    return { ...answer, body: answer.body as SavedWorkflow & Answer['body'] };
  };
  const run = async (request: object) => {
    const id = await server.startExecution({ projectId: 'demo', ...request });
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return (await call('GET', `/api/executions/${id}`)).body;
  };

  it('saves versions that never change, and saves nothing twice', async () => {
    const first = await save('versions', { workflow: graph('1'), description: 'one', tags: ['a'] });
    expect(first.status).toBe(201);
    expect(first.headers.get('location')).toBe('/api/workflows/demo/versions?version=1');
    expect(first.headers.get('etag')).toBe('"1"');
    expect(first.body).toMatchObject({ projectId: 'demo', name: 'versions', version: 1, nodes: 1 });
    const same = await save('versions', { tags: ['a'], description: 'one', workflow: graph('1') });
    expect([same.status, same.body.version]).toEqual([200, 1]);
    expect((await save('versions', { workflow: graph('2') })).body.version).toBe(2);
    // The content of an earlier version is a new one again.
    expect((await save('versions', { workflow: graph('1') })).body.version).toBe(3);
    const shown = await read<SavedWorkflow>('/api/workflows/demo/versions?version=1');
    expect(shown).toMatchObject({ version: 1, description: 'one', tags: ['a'] });
    expect(shown.workflow.nodes[0]!.data.config).toEqual({ expression: '1' });
    const path = '/api/workflows/demo/versions/versions?limit=2';
    const history = await read<WorkflowVersionPage>(path);
    expect(history.versions.map(({ version }) => version)).toEqual([3, 2]);
    const rest = await read<WorkflowVersionPage>(`${path}&cursor=${history.nextCursor}`);
    expect(rest).toMatchObject({ versions: [{ version: 1 }], nextCursor: null });
  });

  it('gives each of many simultaneous changes a version of its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => save('busy', { workflow: graph(String(n)) })),
    );
    expect(answers.map(({ body }) => body.version).toSorted((a, b) => a - b)).toHaveLength(20);
    const history = await read<WorkflowVersionPage>('/api/workflows/demo/busy/versions?limit=100');
    expect(history.versions.map(({ version }) => version)).toEqual(
      Array.from({ length: 20 }, (_, n) => 20 - n),
    );
  });

  it('refuses a change of another version than the one that If-Match names', async () => {
    expect((await save('guarded', { workflow: graph('1') }, { 'if-match': '"1"' })).status).toBe(412);
    expect((await save('guarded', { workflow: graph('1') }, { 'if-none-match': '*' })).status).toBe(201);
    expect((await save('guarded', { workflow: graph('2') }, { 'if-none-match': '*' })).status).toBe(412);
    expect((await save('guarded', { workflow: graph('2') }, { 'if-match': '"1"' })).body.version).toBe(2);
    const late = await save('guarded', { workflow: graph('3') }, { 'if-match': '"1"' });
    expect(late.status).toBe(412);
    expect(late.body.detail).toContain('The newest version is 2');
    expect((await save('guarded', { workflow: graph('3') }, { 'if-match': '*' })).body.version).toBe(3);
    const wrong = await save('guarded', { workflow: graph('4') }, { 'if-match': '3' });
    expect(wrong.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'If-Match' }] });
  });

  it('starts the version that a ref names, with its options and tags', async () => {
    await save('refs', { workflow: graph('"one"'), tags: ['saved'], options: { timeoutMs: 5_000 } });
    await save('refs', { workflow: graph('"two"'), options: { maxRetries: 1 } });
    expect((await call('PUT', '/api/workflows/demo/refs/aliases/production', { version: 1 })).status).toBe(
      200,
    );
    expect(await run({ workflowRef: 'refs' })).toMatchObject({
      output: 'two',
      workflow: { name: 'refs', version: 2 },
    });
    expect(await run({ workflowRef: 'refs@1', tags: ['mine', 'saved'] })).toMatchObject({
      output: 'one',
      tags: ['saved', 'mine'],
    });
    const byAlias = await run({ workflowRef: 'refs@production' });
    expect(byAlias).toMatchObject({ output: 'one', workflow: { name: 'refs', version: 1 } });
    await call('PUT', '/api/workflows/demo/refs/aliases/production', { version: 2 });
    expect(await run({ workflowRef: 'refs@production' })).toMatchObject({ output: 'two' });
    const again = await call('POST', `/api/executions/${byAlias.id}/rerun`, { from: ['t'] });
    expect(again.body.workflow).toEqual({ name: 'refs', version: 1 });
  });

  it.each([
    ['an unknown name', { workflowRef: 'nothing' }, 404],
    ['an unknown version', { workflowRef: 'refs@99' }, 404],
    ['an unknown alias', { workflowRef: 'refs@staging' }, 404],
    ['a version that is no number', { workflowRef: 'refs@0' }, 400],
    ['a ref and a graph', { workflowRef: 'refs', workflow: graph() }, 400],
    ['neither', {}, 400],
    ['a ref with SQL in it', { workflowRef: "refs'; DROP TABLE executions" }, 400],
  ])('refuses to start %s', async (_what, request, status) => {
    expect((await call('POST', '/api/executions', { projectId: 'demo', ...request })).status).toBe(status);
  });

  it('checks the input against the inputSchema', async () => {
    const inputSchema = {
      type: 'object',
      properties: { topic: { type: 'string' }, depth: { type: 'integer' } },
      required: ['topic'],
    };
    await save('typed', { workflow: graph('input.topic'), inputSchema });
    expect(await run({ workflowRef: 'typed', input: { topic: 'SSE' } })).toMatchObject({ output: 'SSE' });
    const { status, body } = await call('POST', '/api/executions', {
      projectId: 'demo',
      workflowRef: 'typed',
      input: { depth: 'deep' },
    });
    expect([status, body.code]).toEqual([400, 'input_invalid']);
    expect(body.errors.map(({ path }: { path: string }) => path).join(' ')).toContain('input');
  });

  it('ends the check of an input by a catastrophic regular expression', async () => {
    await save('slow', { workflow: graph(), inputSchema: { type: 'string', pattern: '^(a+)+$' } });
    const { body } = await call('POST', '/api/executions', {
      projectId: 'demo',
      workflowRef: 'slow',
      input: `${'a'.repeat(40)}!`,
    });
    expect(body).toMatchObject({ code: 'input_invalid', errors: [{ path: 'input' }] });
    expect(body.errors[0]!.message).toContain('CHECK_TIMEOUT_MS');
  });

  it.each<[string, object, string]>([
    [
      'a graph with a cycle',
      {
        workflow: {
          nodes: [step('a', '1'), step('b', '1')],
          edges: [
            { source: 'a', target: 'b' },
            { source: 'b', target: 'a' },
          ],
        },
      },
      'workflow',
    ],
    ['an unknown node type', { workflow: { nodes: [{ id: 'a', type: 'nothing' }] } }, 'workflow'],
    [
      'an inputSchema that is no schema',
      { workflow: graph(), inputSchema: { type: 'strange' } },
      'inputSchema',
    ],
    [
      'an inputSchema with a ref to another document',
      { workflow: graph(), inputSchema: { $ref: 'https://example.com/x' } },
      'inputSchema',
    ],
    ['an unknown member', { workflow: graph(), input: 1 }, ''],
    ['a tag with a line break of NUL', { workflow: graph(), tags: ['\0'] }, 'tags'],
  ])('refuses to save %s', async (_what, content, path) => {
    const { status, body } = await save('refused', content);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors[0]!.path).toContain(path);
    expect((await call('GET', '/api/workflows/demo/refused')).status).toBe(404);
  });

  it('lists the newest versions by name, page by page and by tag', async () => {
    for (const name of ['l-b', 'l-a', 'l-c'])
      await save(name, { workflow: graph(), tags: ['listed'] }, {}, 'lists');
    const path = '/api/workflows?projectId=lists';
    const page = await read<SavedWorkflowPage>(`${path}&limit=2`);
    expect(page.workflows.map(({ name }) => name)).toEqual(['l-a', 'l-b']);
    const next = await read<SavedWorkflowPage>(`${path}&limit=2&cursor=${page.nextCursor}`);
    expect(next).toMatchObject({ workflows: [{ name: 'l-c' }], nextCursor: null });
    expect((await read<SavedWorkflowPage>(`${path}&tag=none`)).workflows).toEqual([]);
    expect((await call('GET', '/api/workflows?cursor=abc')).status).toBe(400);
  });

  it('shows what differs between two versions, by the ids of nodes and edges', async () => {
    const edge = { source: 'a', target: 'b' };
    await save('changing', { workflow: { nodes: [step('a', '1'), step('b', '2')], edges: [edge] } });
    await save('changing', {
      workflow: { nodes: [step('new', '0'), step('a', '1'), step('b', '3')], edges: [edge] },
      description: 'changed',
    });
    const diff = await read<WorkflowDiff>('/api/workflows/demo/changing/diff?from=1&to=2');
    expect(diff).toMatchObject({ from: 1, to: 2, isComplete: true });
    expect(diff.changes.map(({ op, path }) => `${op} ${path}`).toSorted()).toEqual([
      'add /workflow/nodes/new',
      'replace /description',
      'replace /workflow/nodes/b/data/config/expression',
    ]);
    expect((await call('GET', '/api/workflows/demo/changing/diff?from=1&to=9')).status).toBe(404);
  });

  it('deletes versions, and never uses a number twice', async () => {
    await save('mortal', { workflow: graph('1') });
    await save('mortal', { workflow: graph('2') });
    await call('PUT', '/api/workflows/demo/mortal/aliases/stable', { version: 1 });
    const refused = await call('DELETE', '/api/workflows/demo/mortal/versions/1');
    expect([refused.status, refused.body.code]).toEqual([409, 'alias_in_use']);
    expect((await call('DELETE', '/api/workflows/demo/mortal/aliases/stable')).status).toBe(204);
    expect((await call('DELETE', '/api/workflows/demo/mortal/versions/1')).status).toBe(204);
    expect((await call('DELETE', '/api/workflows/demo/mortal/versions/1')).status).toBe(404);
    expect((await call('DELETE', '/api/workflows/demo/mortal')).status).toBe(204);
    expect((await call('DELETE', '/api/workflows/demo/mortal')).status).toBe(404);
    expect((await call('GET', '/api/workflows/demo/mortal')).status).toBe(404);
    expect((await save('mortal', { workflow: graph('3') })).body.version).toBe(3);
  });

  it('lets executions of a deleted workflow continue, and repeats their start', async () => {
    await save('waiting', {
      workflow: {
        nodes: [{ id: 'ok', type: 'approval' }, step('t', '"done"')],
        edges: [{ source: 'ok', target: 't' }],
      },
    });
    const start = { projectId: 'demo', workflowRef: 'waiting' };
    const { body } = await call('POST', '/api/executions', start, { 'idempotency-key': 'gone-1' });
    const watch = await new Watch(server.url, `/api/executions/${body.id}/stream`).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:waiting'),
    );
    await call('DELETE', '/api/workflows/demo/waiting');
    expect((await call('POST', '/api/executions', start)).status).toBe(404);
    const repeated = await call('POST', '/api/executions', start, { 'idempotency-key': 'gone-1' });
    expect([repeated.status, repeated.body.id]).toEqual([202, body.id]);
    await call('POST', `/api/executions/${body.id}/approve`, { approved: true });
    await watch.done();
    expect((await call('GET', `/api/executions/${body.id}`)).body).toMatchObject({
      status: 'completed',
      output: 'done',
      workflow: { name: 'waiting', version: 1 },
    });
  });

  it('bounds the number of workflows and of versions', async () => {
    for (let n = 0; n < 40; n += 1)
      expect((await save(`w${n}`, { workflow: graph() }, {}, 'full')).status).toBe(201);
    expect((await save('w40', { workflow: graph() }, {}, 'full')).body.code).toBe('too_many_workflows');
    for (let n = 0; n < 29; n += 1) await save('w0', { workflow: graph(`${n}`) }, {}, 'full');
    expect((await save('w0', { workflow: graph('"more"') }, {}, 'full')).body.code).toBe('too_many_versions');
  });

  it('shows nothing of the project of another principal', async () => {
    const { body } = await call('POST', '/api/keys', {
      name: 'other',
      projects: ['elsewhere'],
      scopes: ['workflows:read', 'workflows:write', 'executions:write'],
    });
    const headers = { authorization: `Bearer ${body.key}` };
    await save('private', { workflow: graph() });
    for (const [method, path, sent] of [
      ['GET', '/api/workflows/demo/private'],
      ['GET', '/api/workflows?projectId=demo'],
      ['GET', '/api/workflows/demo/private/versions'],
      ['GET', '/api/workflows/demo/private/diff?from=1&to=1'],
      ['PUT', '/api/workflows/demo/private', { workflow: graph('1') }],
      ['PUT', '/api/workflows/demo/private/aliases/x', { version: 1 }],
      ['DELETE', '/api/workflows/demo/private/aliases/x'],
      ['DELETE', '/api/workflows/demo/private/versions/1'],
      ['DELETE', '/api/workflows/demo/private'],
    ] as const)
      expect([method, path, (await call(method, path, sent, headers)).status]).toEqual([method, path, 404]);
    expect((await read<SavedWorkflowPage>('/api/workflows', headers)).workflows).toEqual([]);
    // A name is one of its project only.
    const elsewhere = { projectId: 'elsewhere', workflowRef: 'private' };
    expect((await call('POST', '/api/executions', elsewhere, headers)).status).toBe(404);
  });

  describe('as child executions', () => {
    it.each([
      ['workflow', { ref: 'child', input: { n: 5 } }, 10],
      ['map', { ref: 'child@double', items: [{ n: 1 }, { n: 2 }] }, [2, 4]],
    ])('run in a %s node', async (type, config, output) => {
      await save('child', {
        workflow: graph('input.n * 2'),
        inputSchema: { type: 'object', required: ['n'] },
      });
      await call('PUT', '/api/workflows/demo/child/aliases/double', { version: 1 });
      const execution = await run({ workflow: { nodes: [{ id: 'node', type, data: { config } }] } });
      expect(execution).toMatchObject({ status: 'completed', output });
      const { body } = await call('GET', `/api/executions?parentId=${execution.id}`);
      expect(body.executions.length).toBeGreaterThan(0);
      for (const each of body.executions) expect(each.workflow).toEqual({ name: 'child', version: 1 });
    });

    it('keep one version in all turns of a loop, although the alias moves', async () => {
      await save('turn', {
        workflow: {
          nodes: [
            step('next', 'input + 1'),
            { id: 'pause', type: 'wait', data: { config: { signal: 'go' } } },
            step('out', 'nodes.next.output'),
          ],
          edges: [
            { source: 'next', target: 'pause' },
            { source: 'pause', target: 'out' },
            { source: 'next', target: 'out' },
          ],
        },
      });
      await save('turn', { workflow: graph('100') });
      await call('PUT', '/api/workflows/demo/turn/aliases/live', { version: 1 });
      const config = { ref: 'turn@live', input: 0, until: 'output >= 2', maxIterations: 5 };
      const id = await server.startExecution({
        projectId: 'demo',
        workflow: { nodes: [{ id: 'loop', type: 'loop', data: { config } }] },
      });
      const childOf = async (index: number): Promise<string> => {
        for (;;) {
          const { executions } = await read<ExecutionPage>(`/api/executions?parentId=${id}`);
          const child = executions.find(({ parent }) => parent?.index === index);
          if (child) return child.id;
          await sleep(20);
        }
      };
      await call('POST', `/api/executions/${await childOf(0)}/signals/go`, {});
      await call('PUT', '/api/workflows/demo/turn/aliases/live', { version: 2 });
      await call('DELETE', '/api/workflows/demo/turn/versions/1');
      await call('POST', `/api/executions/${await childOf(1)}/signals/go`, {});
      await new Watch(server.url, `/api/executions/${id}/stream`).done();
      expect((await call('GET', `/api/executions/${id}`)).body).toMatchObject({
        status: 'completed',
        output: 2,
      });
    });

    it('fail if their input does not fit, or if they nest without end', async () => {
      await save('strict', { workflow: graph(), inputSchema: { type: 'number' } });
      const wrong = await run({
        workflow: { nodes: [{ id: 'm', type: 'map', data: { config: { ref: 'strict', items: [1, 'x'] } } }] },
      });
      expect(wrong.error).toMatchObject({ code: 'input_invalid', nodeId: 'm' });
      const nested = {
        workflow: { nodes: [{ id: 'self', type: 'workflow', data: { config: { ref: 'self' } } }] },
      };
      expect((await save('self', nested)).status).toBe(201);
      const endless = await run({ workflowRef: 'self' });
      expect(endless).toMatchObject({ status: 'failed' });
      expect(JSON.stringify(endless.error)).toContain('MAX_CHILD_DEPTH');
    });

    it('are refused when the workflow is posted if they do not exist', async () => {
      const { body } = await call('POST', '/api/executions', {
        projectId: 'demo',
        workflow: { nodes: [{ id: 'n', type: 'workflow', data: { config: { ref: 'missing@3' } } }] },
      });
      expect(body.errors).toEqual([
        { path: 'workflow.nodes.0.data.config.ref', message: expect.stringContaining('missing@3') as string },
      ]);
    });
  });

  describe('as the limit of a key', () => {
    const limited = async (workflows: string[]) => {
      const { status, body } = await call('POST', '/api/keys', {
        name: 'limited',
        projects: ['demo'],
        scopes: ['executions:read', 'executions:write'],
        workflows,
      });
      expect(status).toBe(201);
      expect(body.workflows).toEqual(workflows);
      const headers = { authorization: `Bearer ${body.key}` };
      return {
        start: (request: object) =>
          call('POST', '/api/executions', { projectId: 'demo', ...request }, headers),
        rerun: (id: string, body2: object) => call('POST', `/api/executions/${id}/rerun`, body2, headers),
        me: () => call('GET', '/api/me', undefined, headers),
      };
    };
    beforeAll(async () => {
      await save('allowed', {
        workflow: graph('1'),
        options: { timeoutMs: 10_000, limits: { maxTokens: 100 } },
      });
      await save('allowed', { workflow: graph('2') });
      await call('PUT', '/api/workflows/demo/allowed/aliases/production', { version: 1 });
      await save('forbidden', { workflow: graph() });
    });

    it('permits only what the alias points to', async () => {
      const key = await limited(['allowed@production']);
      expect((await key.me()).body.workflows).toEqual(['allowed@production']);
      expect((await key.start({ workflowRef: 'allowed@production' })).status).toBe(202);
      expect((await key.start({ workflowRef: 'allowed@1' })).status).toBe(202);
      for (const request of [
        { workflowRef: 'allowed' },
        { workflowRef: 'allowed@2' },
        { workflowRef: 'forbidden' },
        { workflow: graph() },
        { workflowRef: 'allowed@production', options: { timeoutMs: 10_001 } },
        { workflowRef: 'allowed@production', options: { limits: { maxTokens: 101 } } },
      ]) {
        const { status, body } = await key.start(request);
        expect([request, status, body.code]).toEqual([request, 403, 'workflow_not_allowed']);
      }
      const lowered = { workflowRef: 'allowed@production', options: { limits: { maxCostUSD: 1 } } };
      const { body } = await key.start({ ...lowered, options: { timeoutMs: 9_000 } });
      expect(body.status).toBe('queued');
    });

    it('permits all versions of a name', async () => {
      const key = await limited(['allowed']);
      for (const workflowRef of ['allowed', 'allowed@1', 'allowed@production'])
        expect((await key.start({ workflowRef })).status).toBe(202);
    });

    it('permits re-runs of these only, as they are', async () => {
      const key = await limited(['allowed@1']);
      const { id } = await run({ workflowRef: 'allowed@1' });
      expect((await key.rerun(id, { from: ['t'] })).status).toBe(202);
      for (const change of [
        { from: ['t'], workflow: graph() },
        { from: ['t'], options: { timeoutMs: 20_000 } },
        { from: ['t'], options: {} },
      ])
        expect([change, (await key.rerun(id, change)).body.code]).toEqual([change, 'workflow_not_allowed']);
      const posted = await run({ workflow: graph('1') });
      expect((await key.rerun(posted.id, { from: ['t'] })).body.code).toBe('workflow_not_allowed');
    });

    it.each(['keys:manage', 'workflows:write'])('cannot stand beside the scope %s', async (scope) => {
      const { body } = await call('POST', '/api/keys', {
        name: 'wide',
        projects: ['demo'],
        scopes: [scope],
        workflows: ['allowed'],
      });
      expect(body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'workflows' }] });
    });
  });

  it('runs an agent by reference as by value', async () => {
    await save('agent', { workflow: { nodes: [agent('a', { chunks: 2, delayMs: 0 })] } });
    expect(await run({ workflowRef: 'agent', input: 'x' })).toMatchObject({ status: 'completed' });
  });
});
