import { modelToolNames } from '../src/engine/tools/model-tool-names.js';
import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const MODULE = `
  const object = { type: 'object' };
  const tool = (name: string) => ({ name, description: 'Does ' + name + '.', inputSchema: object });
  let aborted = '';

  @ProvidesTools('crm')
  class CrmTools {
    async tools() {
      return ['find-customer', 'fails', 'hangs', 'cycle', 'big', 'function', 'nothing', 'aborted', 'x'.repeat(64)].map(tool);
    }
    call({ tool, args, run }: any): any {
      switch (tool) {
        case 'find-customer': {
          const { signal, ...step } = run;
          return Promise.resolve({ args, step, isAborted: signal.aborted });
        }
        case 'fails': throw new Error('the CRM is closed');
        case 'hangs':
          run.signal.addEventListener('abort', () => (aborted = String(run.signal.reason.message)));
          return new Promise(() => undefined);
        case 'cycle': { const cycle: any = {}; cycle.self = cycle; return cycle; }
        case 'big': return 'x'.repeat(2_000);
        case 'function': return () => 1;
        case 'nothing': return undefined;
        case 'aborted': return aborted;
        default: return 'long name';
      }
    }
  }
  @Module({ providers: [CrmTools] })
  class TeamModule {}
`;

describe('tools of a module', () => {
  let extension: ExtensionServer;
  let server: Server;
  beforeAll(async () => {
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: await createDatabase(),
      LOG_FORMAT: 'json',
      TOOL_TIMEOUT_MS: '200',
      OUTPUT_MAX_BYTES: '1500',
    });
    ({ server } = extension);
  });
  afterAll(async () => {
    expect(await extension.stop()).toBe(0);
  });

  const agent = (tools: unknown[], called: string) => ({
    id: 'a',
    type: 'agent',
    data: {
      config: {
        model: 'demo/x',
        prompt: 'Find the customer.',
        tools,
        providerOptions: {
          demo: { text: 'done', delayMs: 0, toolCall: { name: called, args: { email: 'a@b.c' } } },
        },
      },
    },
  });
  const run = async (name: string, called = `crm__${name}`) => {
    const id = await server.startExecution({ ...start([agent([`crm/${name}`], called)]), tags: ['vip'] });
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.done();
    expect(watch.frames.at(-1)!.data.result).toMatchObject({ output: 'done' });
    const find = (type: string) => watch.frames.find((frame) => frame.type === type)!.data;
    return { id, call: find('execution:tool-call'), result: find('execution:tool-result') };
  };

  it('are called by name, with the arguments and the step', async () => {
    const { id, call, result } = await run('find-customer');
    expect(call).toMatchObject({ toolName: 'crm/find-customer', toolArgs: { email: 'a@b.c' } });
    expect(result).toMatchObject({
      isError: false,
      result: {
        args: { email: 'a@b.c' },
        isAborted: false,
        step: {
          executionId: id,
          projectId: 'demo',
          nodeId: 'a',
          tags: ['vip'],
          stepId: call['stepId'],
          createdBy: expect.any(String) as string,
        },
      },
    });
  });

  it.each<[string, string, string]>([
    ['throws', 'fails', 'the CRM is closed'],
    ['never returns', 'hangs', 'The tool took longer than its limit of 200 ms (TOOL_TIMEOUT_MS).'],
    ['returns a cycle', 'cycle', 'nested more than 100 levels deep'],
    ['returns too much', 'big', "The tool's result has 2002 bytes; the limit is 1500 (OUTPUT_MAX_BYTES)."],
    ['returns a function', 'function', "The tool's result is not a JSON value."],
  ])('that %s gives the model an error, and the log names the module', async (_what, name, message) => {
    const { id, result } = await run(name);
    expect(result).toMatchObject({ isError: true, result: expect.stringContaining(message) as string });
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.includes(id));
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'warn', module: 'TeamModule', class: 'CrmTools', tool: `crm/${name}` },
    ]);
  });

  it('see that their signal aborts at the time limit', async () => {
    expect((await run('aborted')).result).toMatchObject({
      result: 'The tool took longer than its limit of 200 ms (TOOL_TIMEOUT_MS).',
    });
  });

  it('may return nothing', async () => {
    expect((await run('nothing')).result).toMatchObject({ isError: false, result: null });
  });

  it('have names that model providers accept, also long ones', async () => {
    const name = `crm/${'x'.repeat(64)}`;
    const modelName = modelToolNames([name]).get(name)!;
    expect(modelName).toMatch(/^[A-Za-z0-9_-]{64}$/);
    const { call, result } = await run('x'.repeat(64), modelName);
    expect(call).toMatchObject({ toolName: name });
    expect(result).toMatchObject({ isError: false, result: 'long name' });
  });

  it.each<[string, unknown[], string, string]>([
    [
      'an unknown name',
      ['crm/find-custmer'],
      '0',
      'there is no tool "crm/find-custmer"; did you mean "crm/find-customer"?',
    ],
    [
      'a name far from any',
      ['weather/today'],
      '0',
      'there is no tool "weather/today"; the tools of this server are crm/',
    ],
    [
      'a name without a prefix',
      ['find-customer'],
      '0',
      'must be the name of a tool of a module, such as crm/find-customer',
    ],
    ['one tool twice', ['crm/fails', 'crm/fails'], '', 'must have different names'],
    [
      'an HTTP tool that lacks a member',
      [{ name: 'a', inputSchema: { type: 'object' }, http: { url: 'http://x' } }],
      '0.description',
      'is required',
    ],
    ['a tool of another kind', [5], '0', 'expected object'],
  ])('are refused when posted: %s', async (_what, tools, path, message) => {
    const { status, body } = await server.call('POST', '/api/executions', start([agent(tools, 'x')]));
    expect(status).toBe(400);
    const full = ['workflow.nodes.0.data.config.tools', path].filter(Boolean).join('.');
    expect(body.errors).toEqual([{ path: full, message: expect.stringContaining(message) as string }]);
  });
});
