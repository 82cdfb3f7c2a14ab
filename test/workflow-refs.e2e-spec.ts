import type { Execution, ExecutionPage } from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, Server } from './support/server.js';
import { Watch } from './support/watch.js';

const step = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const graph = (expression = 'input') => ({ nodes: [step('t', expression)] });
const only = (type: string, config: object, data: object = {}) => ({
  nodes: [{ id: 'n', type, data: { ...data, config } }],
});
/** Adds 1 to its input when the signal comes. */
const COUNT_ON_SIGNAL = {
  nodes: [{ id: 'pause', type: 'wait', data: { config: { signal: 'go' } } }, step('out', 'input + 1')],
  edges: [{ source: 'pause', target: 'out' }],
};

describe('a ref to a saved workflow in a node', () => {
  let server: Server;
  let settings: Record<string, string>;
  beforeAll(async () => {
    settings = { DATABASE_URL: await createDatabase() };
    server = await Server.start(settings);
    await save('exists', { workflow: graph() });
    await save('foreign', { workflow: graph() }, 'elsewhere');
  });
  afterAll(() => server.kill('SIGTERM'));

  const save = (name: string, content: object, project = 'demo') =>
    server.call('PUT', `/api/workflows/${project}/${name}`, content);
  const setAlias = (name: string, version: number) =>
    server.call('PUT', `/api/workflows/demo/${name}/aliases/live`, { version });
  const start = (workflow: object, input: unknown = null) =>
    server.startExecution({ projectId: 'demo', workflow, input });
  const endOf = async (id: string): Promise<Execution> => {
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return (await server.call('GET', `/api/executions/${id}`)).body as unknown as Execution;
  };
  const childrenOf = async (id: string): Promise<ExecutionPage['executions']> => {
    const { body } = await server.call('GET', `/api/executions?parentId=${id}&limit=100`);
    return (body as unknown as ExecutionPage).executions;
  };
  const childOf = async (id: string, index: number): Promise<string> => {
    for (;;) {
      const child = (await childrenOf(id)).find(({ parent }) => parent?.index === index);
      if (child) return child.id;
      await sleep(20);
    }
  };
  const waitOf = async (id: string): Promise<string> => {
    for (;;) {
      const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
      if (body.waits.length > 0) return body.waits[0]!.waitId;
      await sleep(20);
    }
  };
  const signal = (id: string) => server.call('POST', `/api/executions/${id}/signals/go`, {});

  it.each([
    ['a placeholder', '{{input.name}}'],
    ['a placeholder in the version', 'exists@{{input.version}}'],
    ['an empty text', ''],
    ['a name that does not exist', 'missing'],
    ['a version that does not exist', 'exists@2'],
    ['a version 0', 'exists@0'],
    ['a version beyond all numbers', 'exists@9999999999'],
    ['an alias that does not exist', 'exists@live'],
    ['an empty version', 'exists@'],
    ['two versions', 'exists@1@1'],
    ['a path', '../exists'],
    ['a line break', 'exists\n'],
    ['a workflow of another project', 'foreign'],
  ])('is refused when it is posted: %s', async (_what, ref) => {
    for (const workflow of [
      only('workflow', { ref }),
      only('map', { ref, items: [1] }),
      only('loop', { ref, until: 'true', maxIterations: 1 }),
    ]) {
      const { status, body } = await server.call('POST', '/api/executions', { projectId: 'demo', workflow });
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(body.errors.map(({ path }) => path)).toContain('workflow.nodes.0.data.config.ref');
    }
  });

  it('fails the node as workflow_unavailable if the workflow is gone when the node runs', async () => {
    await save('mortal', { workflow: graph() });
    const id = await start({
      nodes: [
        { id: 'pause', type: 'wait', data: { config: { signal: 'go' } } },
        { id: 'n', type: 'workflow', data: { config: { ref: 'mortal' } } },
      ],
      edges: [{ source: 'pause', target: 'n' }],
    });
    await server.call('DELETE', '/api/workflows/demo/mortal');
    await signal(id);
    expect(await endOf(id)).toMatchObject({
      status: 'failed',
      error: { code: 'workflow_unavailable', nodeId: 'n' },
    });
  });

  it('keeps its version after a retry, although the alias has moved', async () => {
    await save('broken', { workflow: graph('$error("no")') });
    await save('broken', { workflow: graph('"repaired"') });
    await setAlias('broken', 1);
    const data = { onExhausted: 'wait', maxRetries: 0 };
    const id = await start(only('workflow', { ref: 'broken@live' }, data));
    const wait = await waitOf(id);
    await setAlias('broken', 2);
    await server.call('POST', `/api/waits/${wait}/answer`, { action: 'retry' });
    for (;;) {
      const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
      if (body.waits.length > 0 && body.waits[0]!.waitId !== wait) break;
      await sleep(20);
    }
    const versions = (await childrenOf(id)).map(({ workflow }) => workflow);
    expect(versions).toEqual([
      { name: 'broken', version: 1 },
      { name: 'broken', version: 1 },
    ]);
    await server.call('POST', `/api/executions/${id}/cancel`, {});
  });

  it('keeps its version in later turns of a loop, after a crash and the deletion of the version', async () => {
    await save('turn', { workflow: COUNT_ON_SIGNAL, inputSchema: { type: 'number' } });
    await save('turn', { workflow: graph('100') });
    await setAlias('turn', 1);
    const id = await start(
      only('loop', { ref: 'turn@live', input: 0, until: 'output >= 3', maxIterations: 5 }),
    );
    await signal(await childOf(id, 0));
    await setAlias('turn', 2);
    const second = await childOf(id, 1);
    await server.kill('SIGKILL');
    server = await Server.start(settings);
    await signal(second);
    const third = await childOf(id, 2);
    await server.call('DELETE', '/api/workflows/demo/turn');
    await signal(third);
    expect(await endOf(id)).toMatchObject({ status: 'completed', output: 3 });
    expect((await childrenOf(id)).map(({ workflow }) => workflow?.version)).toEqual([1, 1, 1]);
  });

  it('checks each input of a map before any child starts, and names the first that is wrong', async () => {
    await save('numbers', { workflow: graph(), inputSchema: { type: 'number' } });
    const items = Array.from({ length: 250 }, (_unused, index) => (index === 201 ? 'x' : index));
    const id = await start(only('map', { ref: 'numbers', items: '{{input}}' }), items);
    const { error } = await endOf(id);
    expect(error).toMatchObject({ code: 'input_invalid', nodeId: 'n' });
    expect(error!.message).toContain('input 201');
    expect(await childrenOf(id)).toEqual([]);
  });

  it('fails the node if the inputSchema never ends, and the server still answers', async () => {
    await save('evil', { workflow: graph(), inputSchema: { type: 'string', pattern: '^(a+)+$' } });
    const id = await start(only('workflow', { ref: 'evil', input: `${'a'.repeat(64)}!` }));
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    expect((await endOf(id)).error).toMatchObject({ code: 'input_invalid', nodeId: 'n' });
  });

  it('refuses to save an inputSchema with braces that is not a JSON Schema', async () => {
    const inputSchema = { description: '{{input}}', required: 5 };
    const { status, body } = await save('braces', { workflow: graph(), inputSchema });
    expect([status, body.errors.map(({ path }) => path)]).toEqual([400, ['inputSchema.required']]);
  });

  it('bounds an inputSchema with thousands of references', async () => {
    const chain = (length: number) => ({
      $ref: '#/$defs/d0',
      $defs: Object.fromEntries([
        ...Array.from({ length }, (_unused, index) => [`d${index}`, { $ref: `#/$defs/d${index + 1}` }]),
        [`d${length}`, { type: 'string' }],
      ]) as object,
    });
    for (const [length, limit] of [
      [10_000, 'MAX_JSON_PARTS'],
      [5_000, 'SCHEMA_MAX_BYTES'],
    ] as const) {
      const { status, body } = await save('chain', { workflow: graph(), inputSchema: chain(length) });
      expect([status, body.errors[0]!.message]).toEqual([400, expect.stringContaining(limit)]);
    }
    expect((await save('chain', { workflow: graph(), inputSchema: chain(1_500) })).status).toBe(201);
    const request = { projectId: 'demo', workflowRef: 'chain', input: 1 };
    expect((await server.call('POST', '/api/executions', request)).body.code).toBe('input_invalid');
    expect((await server.call('GET', '/health/live')).status).toBe(200);
  });
});
