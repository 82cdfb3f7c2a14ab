import pg from 'pg';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import type { FakeAnswer } from './support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { type Frame, ids, pathOf, TERMINAL, upTo, Watch } from './support/watch.js';

interface OpenWait {
  waitId: string;
  kind: string;
  nodeId: string;
  message?: string;
  toolName: string;
  toolArgs: Record<string, unknown>;
}
interface ToolMessage {
  role: string;
  tool_call_id: string;
  content: string;
}

describe('approval of tools', () => {
  let url: string;
  let client: pg.Client;
  let models: FakeModelServer;
  let endpoint: FakeHttpServer;
  /** Processes that share the database. A test may replace them. */
  let servers: [Server, Server];
  /** Answers of the endpoint that a test holds, by path. */
  const held = new Map<string, PromiseWithResolvers<void>>();
  const startServer = () =>
    Server.start({
      DATABASE_URL: url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      PARK_TIMEOUT_MS: '0',
      RETRY_BASE_MS: '20',
    });
  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    models = await startFakeModelServer();
    endpoint = await startFakeHttpServer(({ path, body }, response) => {
      const answer = () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ path, got: JSON.parse(body || '{}') as unknown }));
      };
      void (held.get(path)?.promise ?? Promise.resolve()).then(answer);
    });
    servers = [await startServer(), await startServer()];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await models.close();
    await endpoint.close();
    await client.end();
  });
  beforeEach(() => {
    endpoint.requests.length = 0;
    models.requests.length = 0;
    held.clear();
  });

  /** Ends a process and starts another one in its place. */
  const replace = async (at: 0 | 1, signal: 'SIGKILL' | 'SIGTERM') => {
    await servers[at].kill(signal);
    servers[at] = await startServer();
  };
  const until = async <T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> => {
    for (const deadline = Date.now() + 20_000; ;) {
      const found = await find();
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`waited 20 s until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const tool = (name: string, more: object = {}) => ({
    name,
    description: `Does ${name}.`,
    inputSchema: { type: 'object' },
    http: { method: 'POST', url: `${endpoint.url}/${name}` },
    ...more,
  });
  const begin = async (tools: object[], answers: FakeAnswer[], node: object = {}): Promise<string> => {
    models.script(...answers);
    const config = { model: 'openai-compatible/m', prompt: 'Go.', tools };
    const workflow = { nodes: [{ id: 'a', type: 'agent', data: { config, ...node } }], edges: [] };
    return servers[0].startExecution({ projectId: 'demo', input: { vip: true }, workflow });
  };
  const waitsOf = async (id: string): Promise<OpenWait[]> => {
    const { body } = await servers[1].call('GET', `/api/waits?executionId=${id}`);
    return (body as unknown as { waits: OpenWait[] }).waits;
  };
  const waiting = (id: string, count: number) =>
    until(`${count} calls wait`, async () => {
      const waits = await waitsOf(id);
      return waits.length === count && waits;
    });
  const answer = (server: Server, waitId: string, body: object) =>
    server.call('POST', `/api/waits/${waitId}/answer`, body);
  const control = (id: string, action: string) => servers[1].call('POST', `/api/executions/${id}/${action}`);
  const status = async (id: string) => (await servers[1].call('GET', `/api/executions/${id}`)).body.status;
  /** The events of an execution, up to its end. */
  const ended = async (id: string): Promise<Frame[]> => {
    const { frames } = await new Watch(servers[1].url, pathOf(id)).done();
    expect(ids(frames)).toEqual(upTo(frames.length));
    expect(frames.filter(({ type }) => TERMINAL.test(type))).toHaveLength(1);
    return frames;
  };
  const of = (frames: readonly Frame[], type: string) =>
    frames.filter((frame) => frame.type === `execution:${type}`).map(({ data }) => data);
  /** The results that the model got with the last request, by the ids of the calls. */
  const resultsForModel = (): Record<string, string> => {
    const { messages } = models.requests.at(-1)!.body as unknown as { messages: ToolMessage[] };
    return Object.fromEntries(
      messages
        .filter(({ role }) => role === 'tool')
        .map((message) => [message.tool_call_id, message.content]),
    );
  };
  const bodies = (path: string) =>
    endpoint.requests
      .filter((request) => request.path === path)
      .map(({ body }) => JSON.parse(body) as Record<string, unknown>);

  it('runs ten parallel calls, three of which wait for people, over a pause, a restart and a kill', async () => {
    const tools = [
      tool('read'),
      tool('pay', { approval: { when: 'args.amount > 100', message: 'May it pay?' } }),
      tool('erase', { approval: 'always' }),
    ];
    const toolCalls = [
      ...[1, 2, 3, 4, 5].map((n) => ({ name: 'read', args: { n } })),
      { name: 'pay', args: { amount: 100 } },
      { name: 'pay', args: { amount: 500 } },
      { name: 'erase', args: { file: 'a' } },
      { name: 'pay', args: { amount: 7 } },
      { name: 'pay', args: { amount: 900 } },
    ];
    const id = await begin(tools, [{ toolCalls }, { text: ['Done.'] }]);
    // They begin in one commit, so they have no order.
    const waits = (await waiting(id, 3)).toSorted(
      (a, b) => Number(a.toolArgs['amount'] ?? 0) - Number(b.toolArgs['amount'] ?? 0),
    );
    // The calls that need no person have run before the questions begin.
    expect(endpoint.requests).toHaveLength(7);
    expect(waits.map(({ kind, toolName, toolArgs }) => [kind, toolName, toolArgs])).toEqual([
      ['tool', 'erase', { file: 'a' }],
      ['tool', 'pay', { amount: 500 }],
      ['tool', 'pay', { amount: 900 }],
    ]);
    expect(waits[1]!.message).toBe('May it pay?');
    expect(await status(id)).toBe('waiting');
    const [erase, large, largest] = waits as [OpenWait, OpenWait, OpenWait];

    await control(id, 'pause');
    await until('it is paused', async () => (await status(id)) === 'paused');
    // Two people answer at the same moment on two processes.
    const both = await Promise.all(
      servers.map((server) => answer(server, erase.waitId, { action: 'deny', reason: 'Keep that file.' })),
    );
    expect(both.map((each) => each.status).toSorted((a, b) => a - b)).toEqual([202, 409]);
    expect(both.find((each) => each.status === 409)!.body.code).toBe('wait_already_answered');
    await replace(0, 'SIGTERM');
    await replace(1, 'SIGKILL');
    expect(await status(id)).toBe('paused');
    expect(endpoint.requests).toHaveLength(7);
    await control(id, 'resume');
    await until(
      'the denial is recorded',
      async () =>
        (await client.query(`SELECT FROM cloutagent.waits WHERE id = $1 AND recorded`, [erase.waitId]))
          .rows[0],
    );

    const edited = { action: 'approve', args: { amount: 450, note: 'half' } };
    expect((await answer(servers[1], large.waitId, edited)).status).toBe(202);
    await until('the approved call is sent', async () => endpoint.requests.length === 8);
    await until(
      'its result is stored',
      async () =>
        (
          await client.query(
            `SELECT FROM cloutagent.tool_calls WHERE execution_id = $1 AND index = 6 AND result IS NOT NULL`,
            [id],
          )
        ).rows[0],
    );
    await Promise.all([replace(0, 'SIGKILL'), replace(1, 'SIGKILL')]);
    expect((await waiting(id, 1))[0]!.waitId).toBe(largest.waitId);
    expect((await answer(servers[0], largest.waitId, { action: 'approve' })).status).toBe(202);

    const frames = await ended(id);
    expect(frames.at(-1)!.data.result.output).toBe('Done.');
    expect(bodies('/read')).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
    expect(bodies('/erase')).toEqual([]);
    expect(bodies('/pay').toSorted((a, b) => Number(a['amount']) - Number(b['amount']))).toEqual([
      { amount: 7 },
      { amount: 100 },
      { amount: 450, note: 'half' },
      { amount: 900 },
    ]);
    const keys = endpoint.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(9);
    const results = of(frames, 'tool-result') as unknown as {
      toolId: string;
      toolArgs?: object;
      isError: boolean;
    }[];
    expect(results).toHaveLength(10);
    expect(of(frames, 'tool-call')).toHaveLength(10);
    expect(results.flatMap(({ toolArgs }) => (toolArgs ? [toolArgs] : []))).toEqual([edited.args]);
    const wanted = of(frames, 'tool-call').map(({ toolId }) => toolId);
    const forModel = resultsForModel();
    expect(Object.keys(forModel)).toEqual(wanted);
    expect(forModel[wanted[7]!]).toContain('Keep that file.');
    expect(forModel[wanted[6]!]).toContain('450');
    expect(results.find(({ toolId }) => toolId === wanted[7])!.isError).toBe(true);
    expect(of(frames, 'wait-ended').map(({ waitId, outcome }) => [waitId, outcome])).toEqual([
      [erase.waitId, 'answered'],
      [large.waitId, 'answered'],
      [largest.waitId, 'answered'],
    ]);
    // The model was asked twice: no kill repeated an answer.
    expect(models.requests).toHaveLength(2);
  });

  it('records an answer during a pause, and runs the call after the resume', async () => {
    const id = await begin(
      [tool('erase', { approval: 'always' })],
      [{ toolCalls: [{ name: 'erase', args: { file: 'a' } }] }, { text: ['Done.'] }],
    );
    const [wait] = await waiting(id, 1);
    await control(id, 'pause');
    await until('it is paused', async () => (await status(id)) === 'paused');
    expect((await answer(servers[0], wait!.waitId, { action: 'approve' })).status).toBe(202);
    await replace(0, 'SIGTERM');
    expect(endpoint.requests).toEqual([]);
    await control(id, 'resume');
    expect((await ended(id)).at(-1)!.data.result.output).toBe('Done.');
    expect(bodies('/erase')).toEqual([{ file: 'a' }]);
  });

  it.each([
    ['is not sent again, and the model reads that its effect is not known', {}, 1],
    ['is sent again with the same key if its tool has retryUnsafe', { retryUnsafe: true }, 2],
  ])('an approved call that a kill cuts off %s', async (_title, more, times) => {
    const id = await begin(
      [tool('erase', { approval: 'always', ...more })],
      [{ toolCalls: [{ name: 'erase', args: { file: 'a' } }] }, { text: ['Done.'] }],
    );
    const [wait] = await waiting(id, 1);
    held.set('/erase', Promise.withResolvers());
    expect((await answer(servers[0], wait!.waitId, { action: 'approve' })).status).toBe(202);
    await until('the call is in progress', async () => endpoint.requests.length === 1);
    await Promise.all([servers[0].kill(), servers[1].kill()]);
    held.get('/erase')!.resolve();
    held.clear();
    servers = [await startServer(), await startServer()];
    const frames = await ended(id);
    expect(endpoint.requests).toHaveLength(times);
    expect(new Set(endpoint.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    const [result] = of(frames, 'tool-result') as unknown as { isError: boolean }[];
    expect(result!.isError).toBe(times === 1);
    expect(of(frames, 'waiting')).toHaveLength(1);
    expect(models.requests).toHaveLength(2);
    expect(frames.at(-1)!.data.result.output).toBe('Done.');
  });

  it('sends the arguments of the person again when a kill cuts off an approved call with retryUnsafe', async () => {
    const id = await begin(
      [tool('pay', { approval: 'always', retryUnsafe: true })],
      [{ toolCalls: [{ name: 'pay', args: { amount: 900 } }] }, { text: ['Done.'] }],
    );
    const [wait] = await waiting(id, 1);
    held.set('/pay', Promise.withResolvers());
    await answer(servers[0], wait!.waitId, { action: 'approve', args: { amount: 1 } });
    await until('the call is in progress', async () => endpoint.requests.length === 1);
    await Promise.all([servers[0].kill(), servers[1].kill()]);
    held.get('/pay')!.resolve();
    held.clear();
    servers = [await startServer(), await startServer()];
    const frames = await ended(id);
    expect(bodies('/pay')).toEqual([{ amount: 1 }, { amount: 1 }]);
    expect(of(frames, 'tool-result')[0]!.toolArgs).toEqual({ amount: 1 });
    expect(Object.values(resultsForModel())[0]).toContain('"amount":1}');
  });

  it('runs the calls that were answered while another one was in progress', async () => {
    const tools = [tool('slow', { approval: 'always' }), tool('quick', { approval: 'always' })];
    const toolCalls = [
      { name: 'slow', args: {} },
      { name: 'quick', args: { n: 1 } },
      { name: 'quick', args: { n: 2 } },
    ];
    const id = await begin(tools, [{ toolCalls }, { text: ['Done.'] }]);
    const waits = await waiting(id, 3);
    const waitOf = (args: object) =>
      waits.find(({ toolArgs }) => JSON.stringify(toolArgs) === JSON.stringify(args))!.waitId;
    held.set('/slow', Promise.withResolvers());
    await answer(servers[0], waitOf({}), { action: 'approve' });
    await until('the slow call is in progress', async () => endpoint.requests.length === 1);
    await answer(servers[1], waitOf({ n: 1 }), { action: 'approve' });
    await answer(servers[1], waitOf({ n: 2 }), { action: 'deny' });
    held.get('/slow')!.resolve();
    const frames = await ended(id);
    expect(endpoint.requests.map(({ path }) => path)).toEqual(['/slow', '/quick']);
    expect(of(frames, 'tool-result').filter(({ isError }) => isError)).toHaveLength(1);
    expect(models.requests).toHaveLength(2);
    expect(frames.at(-1)!.data.result.output).toBe('Done.');
  });

  it('distinguishes calls to which the model gave the same id', async () => {
    const tools = [tool('read'), tool('erase', { approval: 'always' })];
    const call = (name: string, n: number) => ({ id: 'same', name, args: { n } });
    models.script(
      { toolCalls: [call('read', 1), call('erase', 2)] },
      { toolCalls: [call('erase', 3)] },
      { text: ['Done.'] },
    );
    const config = { model: 'anthropic/claude-sonnet-4-5', prompt: 'Go.', tools };
    const id = await servers[0].startExecution({
      projectId: 'demo',
      workflow: { nodes: [{ id: 'a', type: 'agent', data: { config } }], edges: [] },
    });
    const [second] = await waiting(id, 1);
    expect(second!.toolArgs).toEqual({ n: 2 });
    await answer(servers[0], second!.waitId, { action: 'deny' });
    const third = await until('the next call waits', async () => {
      const [wait] = await waitsOf(id);
      return wait && wait.waitId !== second!.waitId && wait;
    });
    expect(third.toolArgs).toEqual({ n: 3 });
    await answer(servers[0], third.waitId, { action: 'approve' });
    const frames = await ended(id);
    expect(bodies('/read')).toEqual([{ n: 1 }]);
    expect(bodies('/erase')).toEqual([{ n: 3 }]);
    expect(of(frames, 'tool-result')).toHaveLength(3);
    expect(frames.at(-1)!.data.result.output).toBe('Done.');
  });

  it('takes only an object as the changed arguments of a call', async () => {
    const id = await begin(
      [tool('pay', { approval: 'always' })],
      [{ toolCalls: [{ name: 'pay', args: { amount: 900 } }] }, { text: ['Done.'] }],
    );
    const [wait] = await waiting(id, 1);
    for (const args of [[1], 'all', 7, false]) {
      const refused = await answer(servers[0], wait!.waitId, { action: 'approve', args });
      expect(refused.status).toBe(400);
      expect(refused.body.errors).toEqual([{ path: 'args', message: expect.stringContaining('object') }]);
    }
    // null stands for a field that is left out.
    expect((await answer(servers[0], wait!.waitId, { action: 'approve', args: null })).status).toBe(202);
    await ended(id);
    expect(bodies('/pay')).toEqual([{ amount: 900 }]);
  });

  it('denies a call whose time to answer is over, and the model reads it', async () => {
    const id = await begin(
      [tool('erase', { approval: { expiresInMs: 300 } })],
      [{ toolCalls: [{ name: 'erase', args: { file: 'a' } }] }, { text: ['Kept.'] }],
    );
    const frames = await ended(id);
    expect(of(frames, 'wait-ended')[0]!.outcome).toBe('expired');
    expect(Object.values(resultsForModel())[0]).toMatch(/nobody|no person|not answered|expired/i);
    expect(endpoint.requests).toEqual([]);
    expect(frames.at(-1)!.data.result.output).toBe('Kept.');
  });

  it('fails the node when the time to answer is over, with onExpire fail', async () => {
    const id = await begin(
      [tool('erase', { approval: { expiresInMs: 300, onExpire: 'fail' } })],
      [{ toolCalls: [{ name: 'erase', args: { file: 'a' } }] }],
    );
    const frames = await ended(id);
    expect(frames.at(-1)!.type).toBe('execution:failed');
    expect(frames.at(-1)!.data.code).toBe('approval_expired');
    expect(endpoint.requests).toEqual([]);
    expect(models.requests).toHaveLength(1);
  });

  it('asks a person when a condition cannot be evaluated', async () => {
    const id = await begin(
      [tool('pay', { approval: { when: 'args.amount > 100' } })],
      [{ toolCalls: [{ name: 'pay', args: { amount: 'much' } }] }, { text: ['Done.'] }],
    );
    const [wait] = await waiting(id, 1);
    expect(wait!.toolArgs).toEqual({ amount: 'much' });
    await answer(servers[0], wait!.waitId, { action: 'deny' });
    expect((await ended(id)).at(-1)!.data.result.output).toBe('Done.');
    expect(endpoint.requests).toEqual([]);
  });

  it('gives conditions the input, the arguments and the name of the tool', async () => {
    const id = await begin(
      [tool('pay', { approval: { when: '$not(input.vip and toolName = "pay" and args.amount < 1000)' } })],
      [{ toolCalls: [{ name: 'pay', args: { amount: 900 } }] }, { text: ['Done.'] }],
    );
    expect((await ended(id)).at(-1)!.data.result.output).toBe('Done.');
    expect(bodies('/pay')).toEqual([{ amount: 900 }]);
  });

  it('ends the questions of an execution that is cancelled', async () => {
    const id = await begin(
      [tool('erase', { approval: 'always' })],
      [{ toolCalls: [{ name: 'erase', args: {} }] }],
    );
    const [wait] = await waiting(id, 1);
    await control(id, 'cancel');
    const frames = await ended(id);
    expect(of(frames, 'wait-ended')[0]!.outcome).toBe('cancelled');
    expect((await answer(servers[0], wait!.waitId, { action: 'approve' })).status).toBe(409);
    expect(endpoint.requests).toEqual([]);
  });

  it('refuses a wrong condition when the workflow is posted', async () => {
    const config = {
      model: 'openai-compatible/m',
      prompt: 'Go.',
      tools: [tool('pay', { approval: { when: 'args.amount >' } })],
    };
    const workflow = { nodes: [{ id: 'a', type: 'agent', data: { config } }], edges: [] };
    const { status: code, body } = await servers[0].call('POST', '/api/executions', {
      projectId: 'demo',
      workflow,
    });
    expect(code).toBe(400);
    expect(body.errors[0]!.path).toBe('workflow.nodes.0.data.config.tools.0.approval.when');
  });

  it('asks in a subagent too', async () => {
    models.script({ toolCalls: [{ name: 'erase', args: { file: 'a' } }] }, { text: ['Done.'] });
    const config = {
      model: 'openai-compatible/m',
      name: 'cleaner',
      instructions: 'Clean.',
      tools: [tool('erase', { approval: 'always' })],
    };
    const id = await servers[0].startExecution({
      projectId: 'demo',
      workflow: { nodes: [{ id: 'a', type: 'subagent', data: { config } }], edges: [] },
    });
    const [wait] = await waiting(id, 1);
    await Promise.all([replace(0, 'SIGKILL'), replace(1, 'SIGTERM')]);
    expect((await answer(servers[0], wait!.waitId, { action: 'approve' })).status).toBe(202);
    expect((await ended(id)).at(-1)!.data.result.output).toBe('Done.');
    expect(bodies('/erase')).toEqual([{ file: 'a' }]);
    expect(models.requests).toHaveLength(2);
  });
});
