import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { Watch } from './support/watch.js';

const step = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const graph = (expression = 'input') => ({ nodes: [step('t', expression)] });

describe('a key that is limited to saved workflows', () => {
  let server: Server;
  let database: pg.Client;
  beforeAll(async () => {
    const url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    server = await Server.start({ DATABASE_URL: url, EXECUTION_TIMEOUT_MS: '60000' });
    await save('bounded', {
      workflow: graph('1'),
      inputSchema: { type: 'number' },
      options: { timeoutMs: 10_000, maxRetries: 1, limits: { maxTokens: 100, maxCostUSD: 0.5 } },
    });
    await save('open', { workflow: graph('1') });
    await save('other', { workflow: graph() });
  });
  afterAll(async () => {
    await database.end();
    await server.kill('SIGTERM');
  });

  const save = (name: string, content: object, project = 'demo') =>
    server.call('PUT', `/api/workflows/${project}/${name}`, content);
  const setAlias = (name: string, alias: string, version: number) =>
    server.call('PUT', `/api/workflows/demo/${name}/aliases/${alias}`, { version });
  const keyFor = async (...workflows: string[]) => {
    const { body } = await server.call('POST', '/api/keys', {
      name: 'limited',
      projects: ['demo'],
      scopes: ['executions:read', 'executions:write'],
      workflows,
    });
    const authorization = `Bearer ${body.key}`;
    return {
      start: (request: object, headers: Record<string, string> = {}) =>
        server.call(
          'POST',
          '/api/executions',
          { projectId: 'demo', ...request },
          { authorization, ...headers },
        ),
      rerun: (id: string, request: object) =>
        server.call('POST', `/api/executions/${id}/rerun`, request, { authorization }),
    };
  };
  const run = async (request: object): Promise<string> => {
    const id = await server.startExecution({ projectId: 'demo', ...request });
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return id;
  };
  const optionsOf = async (id: string): Promise<object> =>
    (
      await database.query<{ options: object }>('SELECT options FROM cloutagent.executions WHERE id = $1', [
        id,
      ])
    ).rows[0]!.options;

  it.each<[what: string, options: object | null, expected: number]>([
    ['no options', null, 202],
    ['empty options', {}, 202],
    ['options and limits that are null', { timeoutMs: null, maxRetries: null, limits: null }, 202],
    ['limits that are null', { limits: { maxTokens: null, maxCostUSD: null } }, 202],
    ['the same options', { timeoutMs: 10_000, maxRetries: 1, limits: { maxTokens: 100 } }, 202],
    ['lower options', { timeoutMs: 1, maxRetries: 0, limits: { maxTokens: 1, maxCostUSD: 0.1 } }, 202],
    ['a longer time', { timeoutMs: 10_001 }, 403],
    ['more retries', { maxRetries: 2 }, 403],
    ['more tokens', { limits: { maxTokens: 101 } }, 403],
    ['a higher cost', { limits: { maxCostUSD: 0.51 } }, 403],
  ])('cannot raise or remove limits of the definition: %s', async (_what, options, expected) => {
    const key = await keyFor('bounded');
    const { status, body } = await key.start({ workflowRef: 'bounded', input: 1, options });
    expect([status, body.code]).toEqual([expected, expected === 202 ? undefined : 'workflow_not_allowed']);
    if (expected !== 202) return;
    const { timeoutMs, maxRetries, limits } = (await optionsOf(body.id)) as {
      timeoutMs: number;
      maxRetries: number;
      limits: { maxTokens: number; maxCostUSD: number };
    };
    expect(timeoutMs).toBeLessThanOrEqual(10_000);
    expect(maxRetries).toBeLessThanOrEqual(1);
    expect(limits.maxTokens).toBeLessThanOrEqual(100);
    expect(limits.maxCostUSD).toBeLessThanOrEqual(0.5);
  });

  it.each<[what: string, options: object, expected: number]>([
    ['the time limit of the server', { timeoutMs: 60_000 }, 202],
    ['more than the time limit of the server', { timeoutMs: 60_001 }, 403],
    ['the retries of the server', { maxRetries: 2 }, 202],
    ['more than the retries of the server', { maxRetries: 3 }, 403],
    ['limits where there are none', { limits: { maxTokens: 1_000_000, maxCostUSD: 1_000 } }, 202],
  ])('is bounded by the server where the definition has no options: %s', async (_what, options, expected) => {
    const key = await keyFor('open');
    expect((await key.start({ workflowRef: 'open', options })).status).toBe(expected);
  });

  it.each<[what: string, request: object, expected: [number, string]]>([
    ['a graph', { workflow: graph() }, [403, 'workflow_not_allowed']],
    ['another workflow', { workflowRef: 'other' }, [403, 'workflow_not_allowed']],
    ['a name that does not exist', { workflowRef: 'nothing' }, [403, 'workflow_not_allowed']],
    ['a name that begins with its own', { workflowRef: 'open2' }, [403, 'workflow_not_allowed']],
    ['a version that does not exist', { workflowRef: 'open@99' }, [404, 'not_found']],
    ['an alias that does not exist', { workflowRef: 'open@staging' }, [404, 'not_found']],
    ['a project that is not its own', { projectId: 'foreign', workflowRef: 'open' }, [404, 'not_found']],
    ['both a graph and a ref', { workflowRef: 'open', workflow: graph() }, [400, 'validation_failed']],
  ])('is refused %s', async (_what, request, expected) => {
    const { status, body } = await (await keyFor('open')).start(request);
    expect([status, body.code]).toEqual(expected);
  });

  it('follows the alias that it names, and repeats a start that was allowed before the alias moved', async () => {
    await save('moving', { workflow: graph('1') });
    await save('moving', { workflow: graph('2') });
    await setAlias('moving', 'live', 1);
    const key = await keyFor('moving@live', 'other');
    const request = { workflowRef: 'moving@1' };
    const first = await key.start(request, { 'idempotency-key': 'moved' });
    expect(first.status).toBe(202);
    expect((await key.start({ workflowRef: 'moving' })).status).toBe(403);
    await setAlias('moving', 'live', 2);
    expect((await key.start({ workflowRef: 'moving' })).status).toBe(202);
    expect((await key.start(request)).status).toBe(403);
    const repeated = await key.start(request, { 'idempotency-key': 'moved' });
    expect([repeated.status, repeated.body.id]).toEqual([202, first.body.id]);
    await server.call('DELETE', '/api/workflows/demo/moving/aliases/live');
    expect((await key.start({ workflowRef: 'moving@2' })).status).toBe(403);
  });

  it('re-runs only what it may start, and as it is', async () => {
    const key = await keyFor('bounded@1');
    const own = await run({ workflowRef: 'bounded', input: 1 });
    const again = { from: ['t'] };
    expect((await key.rerun(own, again)).body.workflow).toEqual({ name: 'bounded', version: 1 });
    expect((await key.rerun(own, { ...again, input: 2 })).status).toBe(202);
    expect((await key.rerun(own, { ...again, input: 'x' })).body.code).toBe('input_invalid');
    for (const change of [
      { workflow: graph() },
      { options: {} },
      { options: { timeoutMs: 10_001, maxRetries: 1, limits: { maxTokens: 100, maxCostUSD: 0.5 } } },
      { options: { timeoutMs: 1, maxRetries: 1, limits: { maxTokens: 100 } } },
    ])
      expect([change, (await key.rerun(own, { ...again, ...change })).body.code]).toEqual([
        change,
        'workflow_not_allowed',
      ]);
    const raised = await run({ workflowRef: 'bounded', input: 1, options: { maxRetries: 5 } });
    expect((await key.rerun(raised, again)).status).toBe(403);
    for (const request of [{ workflow: graph('1') }, { workflowRef: 'other' }])
      expect((await key.rerun(await run(request), again)).status).toBe(403);
  });

  it('cannot re-run a child execution of a workflow that it may not start, nor a deleted version', async () => {
    await save('outer', {
      workflow: { nodes: [{ id: 'n', type: 'workflow', data: { config: { ref: 'other' } } }] },
    });
    const key = await keyFor('outer');
    const id = await run({ workflowRef: 'outer' });
    const { body } = await server.call('GET', `/api/executions?parentId=${id}`);
    expect(body.executions).toHaveLength(1);
    expect((await key.rerun(body.executions[0]!.id, { from: ['t'] })).status).toBe(403);
    expect((await key.rerun(id, { from: ['n'] })).status).toBe(202);
    await server.call('DELETE', '/api/workflows/demo/outer');
    expect((await key.rerun(id, { from: ['n'] })).status).toBe(403);
  });
});
