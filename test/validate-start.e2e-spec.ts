import type { ValidatedExecution } from '@cloutagent/contract';
import { createDatabase, Server } from './support/server.js';
import { agent, start } from './support/watch.js';

let server: Server;
beforeAll(async () => {
  server = await Server.start({ DATABASE_URL: await createDatabase(), CORS_ORIGINS: 'https://app.example' });
});
afterAll(() => server.kill());

const validate = async (body: unknown, headers?: Record<string, string>) => {
  const answer = await server.call('POST', '/api/executions/validate', body, headers);
  return {
    status: answer.status,
    headers: answer.headers,
    body: answer.body as unknown as ValidatedExecution,
  };
};
const list = async () => (await server.call('GET', '/api/executions')).body.executions;

describe('POST /api/executions/validate', () => {
  it('finds nothing wrong with a request that can start, shows the graph, and starts nothing', async () => {
    const { status, body, headers } = await validate(start([agent('a'), agent('b')], [['a', 'b']]));
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      valid: true,
      problems: [],
      warnings: [],
      graph: {
        nodes: [
          { id: 'a', type: 'agent' },
          { id: 'b', type: 'agent' },
        ],
        edges: [{ source: 'a', target: 'b' }],
      },
    });
    expect(await list()).toEqual([]);
  });

  it('lists every problem of a workflow, each with its code', async () => {
    const transform = (id: string, expression: string) => ({
      id,
      type: 'transform',
      data: { config: { expression } },
    });
    const { status, body } = await validate(
      start(
        [
          agent('a', {}, { model: 'openai-compatible/unknown' }),
          transform('t', '1 +'),
          { id: 'x', type: 'nothing' },
        ],
        [],
        { options: { limits: { maxCostUSD: 1 } } },
      ),
    );
    expect([status, body.valid]).toEqual([200, false]);
    const codes = new Map(body.problems.map(({ path, code }) => [path, code]));
    expect(codes.get('workflow.nodes.0.data.config.model')).toBeDefined();
    expect(codes.get('workflow.nodes.1.data.config.expression')).toBe('validation_failed');
    expect(codes.get('workflow.nodes.2.type')).toBe('validation_failed');
    expect(body.graph?.nodes.map(({ id }) => id)).toEqual(['a', 't', 'x']);
  });

  const valid = start([agent('a')]);
  it.each<[title: string, body: unknown, path: string]>([
    ['null', null, ''],
    ['a list', [], ''],
    ['a text', '"text"', ''],
    ['a number', '1', ''],
    ['an empty object', {}, 'projectId'],
    ['no workflow', { projectId: 'demo' }, 'workflow'],
    ['a workflow and a ref', { ...valid, workflowRef: 'compare' }, 'workflow'],
    ['a wrong ref', { projectId: 'demo', workflowRef: 'compare@' }, 'workflowRef'],
    ['a ref to nothing', { projectId: 'demo', workflowRef: 'compare@production' }, 'workflowRef'],
    ['a project id of another type', { ...valid, projectId: 1 }, 'projectId'],
    ['a project id that cannot be one', { ...valid, projectId: '../x' }, 'projectId'],
    ['an unknown member', { ...valid, inputt: 1 }, 'inputt'],
    ['a member called __proto__', JSON.stringify(valid).replace('{', '{"__proto__":{"a":1},'), '__proto__'],
    ['a workflow that is a text', { ...valid, workflow: 'x' }, 'workflow'],
    ['a workflow without nodes', { ...valid, workflow: { nodes: [] } }, 'workflow.nodes'],
    ['nodes that are no list', { ...valid, workflow: { nodes: { length: 1 } } }, 'workflow.nodes'],
    ['a tag that is too long', { ...valid, tags: ['x'.repeat(1_000)] }, 'tags.0'],
    ['a time that is none', { ...valid, startAt: 'soon' }, 'startAt'],
    ['a negative limit', { ...valid, options: { timeoutMs: -1 } }, 'options.timeoutMs'],
  ])('answers 200 with the problem of %s', async (title, body, path) => {
    const answer = await validate(body);
    expect(answer.status).toBe(200);
    expect(answer.body.valid).toBe(false);
    expect(answer.body.problems[0]).toEqual({
      path,
      message: expect.any(String) as string,
      code: title === 'a ref to nothing' ? 'not_found' : 'validation_failed',
    });
  });

  it('shows the graph of a readable workflow although another member is wrong', async () => {
    const { body } = await validate({ ...valid, tags: 'x' });
    expect(body.graph).toEqual({ nodes: [{ id: 'a', type: 'agent' }], edges: [] });
  });

  it('refuses what is not JSON, too large or too deep, as a start does', async () => {
    const codes = ['{', '', `{"input":"${'x'.repeat(1_100_000)}"}`, `${'['.repeat(200)}${']'.repeat(200)}`];
    const statuses = await Promise.all(codes.map(async (body) => (await validate(body)).status));
    expect(statuses).toEqual([400, 200, 413, 400]);
    expect((await validate('{}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('agrees with the start itself about what is wrong', async () => {
    const bodies = [
      valid,
      { ...valid, inputt: 1 },
      start([agent('a')], [['a', 'a']]),
      start([agent('a', {}, { prompt: 7 })]),
      { projectId: 'demo', workflowRef: 'nothing' },
    ];
    for (const body of bodies) {
      const { valid: isValid, problems } = (await validate(body)).body;
      const started = await server.call('POST', '/api/executions', body);
      expect(started.status).toBe(isValid ? 202 : started.status);
      if (isValid) {
        await server.call('POST', `/api/executions/${started.body.id}/cancel`, {});
        continue;
      }
      expect(started.status).toBeGreaterThanOrEqual(400);
      expect(problems.map(({ code }) => code)).toContain(started.body.code);
      expect(problems.map(({ path, message }) => ({ path, message }))).toEqual(
        started.body.errors ?? [{ path: 'workflowRef', message: started.body.detail }],
      );
    }
  });

  it('answers 404 for the project of another caller, whatever else is wrong', async () => {
    const { key } = (
      await server.call('POST', '/api/keys', { name: 'k', projects: ['mine'], scopes: ['executions:write'] })
    ).body;
    const as = { authorization: `Bearer ${key}` };
    for (const body of [valid, { projectId: 'demo' }, { projectId: 'demo', nothing: 1 }]) {
      const { status, body: problem } = await validate(body, as);
      expect([status, (problem as unknown as { code: string }).code]).toEqual([404, 'not_found']);
    }
    expect((await validate({ ...valid, projectId: 'mine' }, as)).status).toBe(200);
  });

  it('requires the scope executions:write', async () => {
    const { key } = (
      await server.call('POST', '/api/keys', { name: 'r', projects: ['demo'], scopes: ['executions:read'] })
    ).body;
    expect((await validate(valid, { authorization: `Bearer ${key}` })).status).toBe(403);
  });
});
