import pg from 'pg';
import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { delay, type Frame, ids, pathOf, start, upTo, Watch } from './support/watch.js';

/** An execution that has ended, and all its events. */
interface Ended {
  id: string;
  frames: Frame[];
  last: Frame;
}

/** An interceptor that does what the node's config asks for in `hook` and `act`, so that each test has its own case. */
const MODULE = `
  const Config = z.strictObject({ hook: z.string().default(''), act: z.string().default(''), text: z.string().default('text') });
  const cycle = () => { const value: any = {}; value.self = value; return value; };

  @NodeHandler('speaks')
  class Speaks {
    readonly config = Config;
    async run(run: NodeRun<any>) {
      const { text, act } = run.config;
      if (text === 'fail') throw new NodeError('broken', 'It is broken.');
      if (act === 'node fails') throw new NodeError('broken', 'card 4111111111111111 was refused');
      if (act === 'node fails for now' && run.attempt === 1) throw new TransientError('busy', 'card 4111111111111111 is busy');
      if (act === 'node forgets') { void Promise.reject(new Error('card 4111111111111111 was forgotten')); await new Promise(() => undefined); }
      await run.emit({ type: 'execution:output', chunk: text });
      await run.emit({ type: 'execution:custom', name: 'note', value: { text } }).catch(() => undefined);
      return { text };
    }
  }

  const acts = new Map<string, { hook: string; act: string }>();
  const log: string[] = [];

  @StepInterceptor({ order: 1 })
  class Policy {
    #act(name: string, step: any, value: unknown): any {
      const wanted = acts.get(step.stepId) ?? { hook: '', act: '' };
      if (wanted.hook !== name) return value;
      switch (wanted.act) {
        case 'throws': throw new Error('secret detail');
        case 'rejects': return Promise.reject(new Error('secret detail'));
        case 'hangs': return new Promise(() => undefined);
        case 'cycle': return cycle();
        case 'bigint': return 1n;
        case 'forgets': return undefined;
        case 'refuses': throw new StepRefusedError('Not allowed by the policy.', 'policy_violated');
        case 'fails for now': if (step.attempt === 1) throw new TransientError('policy_busy', 'Busy.'); return value;
        default: return value;
      }
    }
    config(step: any, config: any) {
      acts.set(step.stepId, { hook: config.hook, act: config.act });
      if (config.act === 'invalid') return { text: 5 };
      if (config.act === 'rewrites') config.text = 'rewritten';
      return this.#act('config', step, config);
    }
    event(step: any, event: any) {
      if (event.type === 'execution:custom' && acts.get(step.stepId)?.act === 'drops') return null;
      if (event.type === 'execution:custom' && acts.get(step.stepId)?.act === 'garbage') return { type: 'execution:completed' } as any;
      if (event.type === 'execution:custom') return this.#act('event', step, event);
      return event;
    }
    output(step: any, output: any) { return this.#act('output', step, output); }
    onError(step: any, failure: any) { return this.#act('onError', step, failure); }
    beforeToolCall(step: any, call: any) { return call.args.email === 'refused' ? this.#refuse() : { ...call.args, by: 'policy' }; }
    #refuse(): never { throw new StepRefusedError('You may not look for this customer.'); }
    afterToolCall(_step: any, _call: any, { result, isError }: any) { return { result: { ...result, checked: true }, isError }; }
    async beforeExecution(execution: any) {
      log.push('before');
      if (execution.tags.includes('refused')) throw new StepRefusedError('This project may not run.');
      if (execution.tags.includes('broken')) throw new Error('secret detail');
      if (execution.tags.includes('hanging')) await new Promise(() => undefined);
    }
    afterExecution(execution: any, outcome: any) {
      log.push('after');
      console.log(\`outcome of \${execution.executionId}: \${outcome.status} \${outcome.error?.code ?? ''}\`);
      throw new Error('an error after the end');
    }
    onValidationFailure({ projectId, errors, step }: any) {
      console.log(\`refused in \${projectId}, \${step?.nodeId}: \${errors[0].path}\`);
      throw new Error('an error of a notification');
    }
  }

  const redact = (value: any): any => JSON.parse(JSON.stringify(value).replaceAll(/[0-9]{16}/g, '[card]'));
  /** The outermost: it sees last what comes out. */
  @StepInterceptor({ order: -1 })
  class Redaction {
    event(_step: any, event: any) { return redact(event); }
    output(_step: any, output: any) { return redact(output); }
    onError(_step: any, failure: any) { return redact(failure); }
  }

  @ProvidesTools('crm')
  class CrmTools {
    tools() { return [{ name: 'find', description: 'Finds.', inputSchema: { type: 'object' } }]; }
    call({ args }: any) { return { args, card: '4111111111111111' }; }
  }

  @Module({ providers: [Speaks, Policy, Redaction, CrmTools] })
  class TeamModule {}
`;

describe('interceptors of a module', () => {
  let extension: ExtensionServer;
  let server: Server;
  let database: string;
  let other: string;
  /** Cases that take EXTENSION_TIMEOUT_MS, by name. They all run while the other tests do. */
  const slow = new Map<string, Promise<Ended>>();
  beforeAll(async () => {
    database = await createDatabase();
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: database,
      LOG_FORMAT: 'json',
      RETRY_BASE_MS: '1',
      // Longer than a pause and a resume take on a busy machine.
      EXTENSION_TIMEOUT_MS: '10000',
    });
    ({ server } = extension);
    other = await server.startExecution(start([delay('d', 600_000)]));
    const begin = (name: string, ended: Promise<Ended>) => {
      slow.set(name, ended);
      // The test that awaits it reports the error.
      void ended.catch(() => undefined);
    };
    for (const hook of ['config', 'event', 'onError', 'output'])
      begin(`${hook} hangs`, runFailing(hook, 'hangs'));
    begin('hanging', run([speaks({})], { tags: ['hanging'] }));
    begin('paused', runPaused());
  });
  afterAll(async () => {
    // Nothing that these tests do harms another execution.
    expect((await server.call('GET', `/api/executions/${other}`)).body.status).toBe('waiting');
    expect(await extension.stop()).toBe(0);
  });

  const ended = async (id: string, watch = new Watch(server.url, pathOf(id))): Promise<Ended> => {
    await watch.done();
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    return { id, frames: watch.frames, last: watch.frames.at(-1)! };
  };
  const run = async (nodes: object[], more: object = {}): Promise<Ended> =>
    ended(await server.startExecution({ ...start(nodes), ...more }));
  const speaks = (config: object) => ({ id: 'a', type: 'speaks', data: { config } });
  const runFailing = (hook: string, act: string): Promise<Ended> =>
    run([speaks({ hook, act, text: hook === 'onError' ? 'fail' : 'text' })]);
  /** Pauses and resumes an execution while its interceptor hangs. */
  const runPaused = async (): Promise<Ended> => {
    const id = await server.startExecution({ ...start([speaks({})]), tags: ['hanging'] });
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:started'));
    for (const action of ['pause', 'resume']) await server.call('POST', `/api/executions/${id}/${action}`);
    return ended(id, watch);
  };
  const output = async (text: RegExp): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!text.test(server.output())) {
      if (Date.now() > deadline) throw new Error(`the server did not write ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  it('change events, outputs and configs before anything reaches the journal, but not the stored workflow', async () => {
    const { frames, last } = await run([speaks({ text: 'card 4111111111111111', act: 'none' })]);
    expect(last.data.result.output).toEqual({ text: 'card [card]' });
    expect(JSON.stringify(frames.slice(0, -1))).not.toContain('4111111111111111');
    expect(frames.find(({ type }) => type === 'execution:custom')!.data).toMatchObject({
      value: { text: 'card [card]' },
    });
    const rewritten = await run([speaks({ text: 'card', act: 'rewrites' })]);
    expect(rewritten.last.data.result.output).toEqual({ text: 'rewritten' });
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const { rows } = await client.query<{ config: object }>(
      `SELECT workflow #> '{nodes,0,data,config}' AS config FROM cloutagent.executions WHERE id = $1`,
      [rewritten.id],
    );
    await client.end();
    expect(rows).toEqual([{ config: { text: 'card', act: 'rewrites' } }]);
  });

  it('may drop events', async () => {
    const { frames } = await run([speaks({ act: 'drops' })]);
    expect(frames.map(({ type }) => type)).not.toContain('execution:custom');
    expect(frames.map(({ type }) => type)).toContain('execution:output');
  });

  it.each(['config', 'event', 'output', 'onError'])('may refuse a step with a code: %s', async (hook) => {
    const { last } = await runFailing(hook, 'refuses');
    expect(last.data).toMatchObject({
      code: 'policy_violated',
      error: 'Not allowed by the policy.',
      nodeId: 'a',
    });
  });

  it.each<[string, string]>([
    ['config', 'throws'],
    ['config', 'rejects'],
    ['config', 'hangs'],
    ['config', 'cycle'],
    ['config', 'forgets'],
    ['event', 'throws'],
    ['event', 'rejects'],
    ['event', 'hangs'],
    ['event', 'cycle'],
    ['event', 'bigint'],
    ['event', 'forgets'],
    ['event', 'garbage'],
    ['onError', 'throws'],
    ['onError', 'hangs'],
    ['onError', 'forgets'],
    ['output', 'throws'],
    ['output', 'rejects'],
    ['output', 'hangs'],
    ['output', 'cycle'],
    ['output', 'bigint'],
    ['output', 'forgets'],
  ])('fail their step alone, and the log names the module: %s %s', async (hook, act) => {
    const { last, id } = await (slow.get(`${hook} ${act}`) ?? runFailing(hook, act));
    expect(last).toMatchObject({
      type: 'execution:failed',
      data: {
        code: 'interceptor_failed',
        nodeId: 'a',
        error: `The interceptor Policy.${hook} of TeamModule failed. The server log has its error.`,
      },
    });
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes(id));
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({
        level: 'error',
        module: 'TeamModule',
        class: 'Policy',
        method: hook,
      }) as object,
    );
  });

  it('may let a step run again', async () => {
    const { last } = await run([speaks({ hook: 'output', act: 'fails for now' })]);
    expect(last.data.result.steps).toMatchObject([
      { status: 'retrying', error: 'Busy.' },
      { status: 'completed' },
    ]);
  });

  it('replace the messages of errors, also of errors that no code awaits', async () => {
    const failed = await run([speaks({ act: 'node fails' })]);
    expect(failed.last.data).toMatchObject({ code: 'broken', error: 'card [card] was refused' });
    const retried = await run([speaks({ act: 'node fails for now' })]);
    expect(retried.last.data.result.steps).toMatchObject([
      { status: 'retrying', error: 'card [card] is busy' },
      { status: 'completed' },
    ]);
    const forgot = await run([speaks({ act: 'node forgets' })]);
    expect(forgot.last.data).toMatchObject({
      code: 'node_failed',
      error: 'The node failed: card [card] was forgotten',
    });
    expect(JSON.stringify([failed.frames, retried.frames, forgot.frames])).not.toContain('4111111111111111');
  });

  it('give a config that the schema refuses, which fails the node', async () => {
    const { last } = await run([speaks({ act: 'invalid' })]);
    expect(last.data).toMatchObject({
      code: 'invalid_config',
      error: expect.stringContaining('text') as string,
    });
    await output(/refused in demo, a: text/);
  });

  it('refuse an execution before any node runs', async () => {
    const { frames, id } = await run([speaks({})], { tags: ['refused'] });
    expect(frames.map(({ type }) => type)).toEqual(['execution:started', 'execution:failed']);
    expect(frames.at(-1)!.data).toMatchObject({ code: 'step_refused', error: 'This project may not run.' });
    await output(new RegExp(`outcome of ${id}: failed step_refused`));
  });

  it.each(['broken', 'hanging'])('fail the execution if they fail before it: %s', async (tag) => {
    const { last } = await (slow.get(tag) ?? run([speaks({})], { tags: [tag] }));
    expect(last.data).toMatchObject({ code: 'interceptor_failed' });
    expect(last.data.error).not.toContain('secret detail');
  });

  it('hold the first node back also when the execution is paused and resumed meanwhile', async () => {
    const { frames, last } = await slow.get('paused')!;
    // One start only: the same attempt continues after the resume.
    expect(frames.map(({ type }) => type)).toEqual([
      'execution:started',
      'execution:paused',
      'execution:resumed',
      'execution:failed',
    ]);
    expect(last.data.code).toBe('interceptor_failed');
  });

  it('are notified of the end, and their errors change nothing', async () => {
    const { id } = await run([speaks({})]);
    await output(new RegExp(`outcome of ${id}: completed`));
    expect((await server.call('GET', `/api/executions/${id}`)).body.status).toBe('completed');
  });

  it('are notified of a workflow that is refused', async () => {
    const { status } = await server.call('POST', '/api/executions', start([speaks({ text: 5 })]));
    expect(status).toBe(400);
    await output(/refused in demo, undefined: workflow\.nodes\.0\.data\.config\.text/);
  });

  it.each([
    [
      'changed',
      'someone',
      { args: { email: 'someone', by: 'policy' }, card: '[card]', checked: true },
      false,
    ],
    ['refused', 'refused', 'You may not look for this customer.', true],
  ])('change or refuse calls of tools: %s', async (_what, email, result, isError) => {
    const { frames, last } = await run([
      {
        id: 'a',
        type: 'agent',
        data: {
          config: {
            model: 'demo/x',
            prompt: 'Find.',
            tools: ['crm/find'],
            providerOptions: {
              demo: { text: 'done', delayMs: 0, toolCall: { name: 'crm__find', args: { email } } },
            },
          },
        },
      },
    ]);
    const of = (type: string) => frames.find((frame) => frame.type === type)!.data;
    expect(of('execution:tool-result')).toMatchObject({ result, isError });
    expect(of('execution:tool-call')).toMatchObject({
      toolName: 'crm/find',
      toolArgs: isError ? { email } : { email, by: 'policy' },
    });
    expect(last.data.result.output).toBe('done');
  });
});
