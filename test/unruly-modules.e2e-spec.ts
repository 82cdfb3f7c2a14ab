import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { delay, ids, start, upTo, Watch } from './support/watch.js';

/** Node types with typical mistakes. */
const MODULE = `
  const Config = z.strictObject({});
  const tick = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms));
  const output = (chunk = 'x') => ({ type: 'execution:output' as const, chunk });
  const untilStopped = (signal: AbortSignal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  /** Awaits none of its promises. */
  @NodeHandler('forgetful')
  class Forgetful {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      while (!run.signal.aborted) {
        void run.emit(output());
        void run.countTokens('demo/x', { input: 1, output: 1 });
        await tick();
      }
      void run.emit(output());
      void run.countTokens('demo/x', { input: 1, output: 1 });
      void run.decision();
      return null;
    }
  }

  /** Awaits only promises that it derives from others. */
  @NodeHandler('chained')
  class Chained {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      run.signal.addEventListener('abort', () => void run.emit(output()).then(() => undefined));
      void run.decision().then(() => undefined);
      await run.emit(output());
      return untilStopped(run.signal);
    }
  }

  @NodeHandler('rejects')
  class Rejects {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      void (async () => { await tick(); throw new Error('a forgotten promise'); })();
      return untilStopped(run.signal);
    }
  }

  @NodeHandler('passing')
  class Passing {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      if (run.attempt === 2) return 'done';
      void tick().then(() => { throw new TransientError('busy', 'Busy at the moment.'); });
      return untilStopped(run.signal);
    }
  }

  @NodeHandler('throws')
  class Throws {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      setTimeout(() => { throw new Error('thrown in a timer'); }, 5);
      return untilStopped(run.signal);
    }
  }

  @NodeHandler('odd')
  class Odd {
    readonly config = Config;
    async run() { throw { reason: 'an object' }; }
  }

  const unreadable = () => Object.defineProperty(new Error('x'), 'message', { get() { throw new Error('no message'); } });
  const revoked = () => { const { proxy, revoke } = Proxy.revocable(new Error('x'), {}); revoke(); return proxy; };

  /** Throws values that cannot be read. The message of the last one is not a text. */
  @NodeHandler('unreadable')
  class Unreadable {
    readonly config = z.strictObject({ how: z.enum(['message', 'proxy', 'promise', 'timer', 'number']) });
    async run(run: NodeRun<{ how: string }>) {
      if (run.config.how === 'message') throw unreadable();
      if (run.config.how === 'proxy') throw revoked();
      if (run.config.how === 'promise') void Promise.reject(revoked());
      if (run.config.how === 'timer') setTimeout(() => { throw unreadable(); }, 5);
      if (run.config.how === 'number') throw Object.assign(new NodeError('odd', 'x'), { message: 42, code: 43 });
      return untilStopped(run.signal);
    }
  }

  @NodeHandler('late')
  class Late {
    readonly config = Config;
    async run() {
      setTimeout(() => void Promise.reject(new Error('after the node was done')), 20);
      return 'done';
    }
  }

  @NodeHandler('decides')
  class Decides {
    readonly config = Config;
    async run(run: NodeRun<object>) { return run.decision(); }
  }

  @NodeHandler('asks')
  class Asks extends Decides {
    readonly asks = true;
  }

  @NodeHandler('finds')
  class Finds {
    readonly config = Config;
    constructor(private readonly executions: ExecutionReader) {}
    async run(run: NodeRun<object>) {
      const principal = { id: 'team', projects: ['*'], scopes: [], expiresAt: null };
      const found: unknown[] = [];
      for (const id of ['not-a-uuid', '', run.executionId.toUpperCase()])
        found.push(await this.executions.find(id, principal).then(({ id }) => id, ({ status, code }) => ({ status, code })));
      return found;
    }
  }

  const cycle = () => { const value: any = {}; value.self = value; return value; };
  const VALUES: Record<string, () => any> = {
    'a cycle': cycle,
    'a BigInt': () => ({ count: 1n }),
    'a function': () => () => 1,
    'a symbol': () => Symbol('x'),
    'nothing': () => undefined,
    'a date': () => ({ at: new Date(0), skip: () => 1 }),
    'too much': () => 'x'.repeat(2_000_000),
    'too many parts': () => Array.from({ length: 30_000 }, () => []),
  };
  const custom = (name: any, value: any) => ({ type: 'execution:custom' as const, name, value });
  const EVENTS: Record<string, () => any> = {
    'an event that only the engine records': () => ({ type: 'execution:completed', result: {} }),
    'no event': () => null,
    'an event without a type': () => ({ chunk: 'x' }),
    'a chunk that is no text': () => ({ type: 'execution:output', chunk: 5 }),
    'a chunk that is too long': () => output('x'.repeat(2_000_000)),
    'a call without an id': () => ({ type: 'execution:tool-call', toolName: 'x', toolArgs: {} }),
    'a result that is a BigInt': () => ({ type: 'execution:tool-result', toolId: 'x', result: 1n, isError: false }),
    'a result that is neither an error nor not': () => ({ type: 'execution:tool-result', toolId: 'x', result: 1 }),
    'a name with a space': () => custom('two words', 1),
    'a name that is too long': () => custom('x'.repeat(129), 1),
    'a value that is a cycle': () => custom('x', cycle()),
    'a value that is missing': () => custom('x', undefined),
    'a value that is too large': () => custom('x', 'x'.repeat(2_000_000)),
  };
  const WithWhat = z.strictObject({ what: z.string() });

  @NodeHandler('returns')
  class Returns {
    readonly config = WithWhat;
    async run({ config }: NodeRun<{ what: string }>) { return VALUES[config.what]!(); }
  }

  @NodeHandler('emits')
  class Emits {
    readonly config = WithWhat;
    async run(run: NodeRun<{ what: string }>) { await run.emit(EVENTS[run.config.what]!()); return null; }
  }

  /** Sends fields that belong to the engine along. */
  @NodeHandler('pretends')
  class Pretends {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      await run.emit({ ...output(), executionId: 'another', nodeId: 'another', timestamp: 'never', extra: 1 } as any);
      return null;
    }
  }

  @NodeHandler('never')
  class Never {
    readonly config = Config;
    run() { return new Promise(() => undefined); }
  }

  @NodeHandler('after-end')
  class AfterEnd {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      setTimeout(() => void run.emit(output('late')), 10);
      setTimeout(async () => { await run.emit(output('late')); }, 10);
      return 'done';
    }
  }

  /** Changes what it shares with other nodes, and its own output after it has returned it. */
  @NodeHandler('changes')
  class Changes {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      const failures: string[] = [];
      const attempt = (change: () => void) => { try { change(); } catch (error: any) { failures.push(error.name); } };
      attempt(() => ((run.input as any).list[0] = 'changed'));
      attempt(() => ((run.inputs as any).first.at = 'changed'));
      attempt(() => (run.tags as any).push('changed'));
      const result: any = { failures };
      setTimeout(() => (result.self = result), 1);
      return result;
    }
  }

  @NodeHandler('check-hangs')
  class CheckHangs extends Never {
    check() { return new Promise<never>(() => undefined); }
  }
  @NodeHandler('check-throws')
  class CheckThrows extends Never {
    check(): never { throw new Error('the check is broken'); }
  }

  @Injectable()
  class Background {
    onApplicationBootstrap() {
      setTimeout(() => void Promise.reject(new Error('of no node at all')), 10);
    }
  }

  @Module({ imports: [ExecutionsModule],
    providers: [Forgetful, Chained, Rejects, Passing, Throws, Odd, Unreadable, Late, Decides, Asks, Finds, Background, Returns, Emits,
      Pretends, Never, AfterEnd, Changes, CheckHangs, CheckThrows] })
  class TeamModule {}
`;

describe("another team's code", () => {
  let extension: ExtensionServer;
  let server: Server;
  let database: string;
  beforeAll(async () => {
    database = await createDatabase();
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: database,
      LOG_FORMAT: 'json',
      RETRY_BASE_MS: '1',
      EXTENSION_TIMEOUT_MS: '300',
    });
    ({ server } = extension);
  });
  afterAll(async () => {
    // The server must have survived all tests.
    expect(await extension.stop()).toBe(0);
  });

  const node = (type: string, id = 'a') => ({ id, type });
  const watch = async (body: object) => {
    const id = await server.startExecution(body);
    return { id, watch: new Watch(server.url, `/api/executions/${id}/stream`) };
  };
  const logged = (id: string) =>
    server
      .output()
      .split('\n')
      .filter((line) => line.includes(id))
      .map(
        (line) =>
          JSON.parse(line) as { level: string; message: string; nodeId: string; error?: { message: string } },
      );
  const isRunning = (type: string) => (now: Watch) =>
    now.frames.some(({ data }) => data.nodeType === type && data.status === 'running');

  it.each(['forgetful', 'chained'])(
    'that does not await its promises causes no error when the execution is cancelled: %s',
    async (type) => {
      const one = await watch(start([node(type)]));
      await one.watch.until((now) => now.frames.some((frame) => frame.type === 'execution:output'));
      await server.call('POST', `/api/executions/${one.id}/cancel`);
      await one.watch.done();
      expect(one.watch.frames.at(-1)!.type).toBe('execution:cancelled');
      expect(ids(one.watch.frames)).toEqual(upTo(one.watch.frames.length));
      expect((await server.call('GET', '/health/live')).status).toBe(200);
      expect(logged(one.id)).toEqual([]);
    },
  );

  it.each([
    ['rejects', 'a forgotten promise'],
    ['throws', 'thrown in a timer'],
  ])('that does not catch an error fails its node, and the log names the node: %s', async (type, message) => {
    const other = await watch(start([delay('d', 60_000)]));
    await other.watch.until((now) => now.frames.some((frame) => frame.type === 'execution:waiting'));
    const one = await watch(start([node(type)]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data).toMatchObject({
      code: 'node_failed',
      nodeId: 'a',
      error: `The node failed: ${message}`,
    });
    expect(one.watch.frames.at(-2)!.data).toMatchObject({ status: 'failed', nodeId: 'a' });
    expect(logged(one.id)[0]).toMatchObject({ level: 'error', nodeId: 'a', error: { message } });
    expect((await server.call('GET', `/api/executions/${other.id}`)).body.status).toBe('waiting');
    other.watch.close();
    await server.call('POST', `/api/executions/${other.id}/cancel`);
  });

  it('that does not catch a TransientError is retried', async () => {
    const one = await watch(start([node('passing')]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data.result).toMatchObject({
      output: 'done',
      steps: [{ status: 'retrying', error: 'Busy at the moment.' }, { status: 'completed' }],
    });
  });

  it('that throws after its node has completed fails the running execution', async () => {
    const one = await watch(start([node('late'), delay('d', 60_000)], [['a', 'd']]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data).toMatchObject({
      code: 'node_failed',
      nodeId: 'a',
      error: 'The node failed: after the node was done',
    });
  });

  it('that throws after its execution has completed changes nothing', async () => {
    const ended = await watch(start([node('late')]));
    await ended.watch.done();
    expect(ended.watch.frames.at(-1)!.type).toBe('execution:completed');
  });

  it('that throws outside a node is logged', async () => {
    const line = server
      .output()
      .split('\n')
      .find((each) => each.includes('of no node at all'));
    expect(JSON.parse(line!)).toMatchObject({ level: 'error', error: { message: 'of no node at all' } });
  });

  it('that throws an object which is not an Error fails with its JSON', async () => {
    const one = await watch(start([node('odd')]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data.error).toBe('The node failed: {"reason":"an object"}');
  });

  it.each(['message', 'proxy', 'promise', 'timer', 'number'])(
    'that throws something that cannot be read fails its execution only: %s',
    async (how) => {
      const one = await watch(start([{ ...node('unreadable'), data: { config: { how } } }]));
      await one.watch.done();
      expect(one.watch.frames.at(-1)).toMatchObject({
        type: 'execution:failed',
        data: { code: 'node_failed', error: expect.stringMatching(/^The node failed: ./) },
      });
      expect(logged(one.id)).toContainEqual(expect.objectContaining({ level: 'error' }));
    },
  );

  it.each(['decides', 'asks'])('that waits for a decision gets it: %s', async (type) => {
    for (const body of [
      { approved: true, comment: 'fine' },
      { nodeId: 'a', approved: true, comment: 'fine' },
    ]) {
      const one = await watch(start([node(type)]));
      await one.watch.until(isRunning(type));
      const { status } = await server.call('POST', `/api/executions/${one.id}/approve`, body);
      expect(status).toBe(202);
      await one.watch.done();
      expect(one.watch.frames.at(-1)!.data.result.output).toMatchObject({ approved: true, comment: 'fine' });
    }
  });

  it('that may wait for a decision does not take the one for an approval node', async () => {
    const one = await watch(start([node('decides'), node('approval', 'b'), delay('c', 60_000)]));
    await one.watch.until(
      (now) => isRunning('decides')(now) && isRunning('approval')(now) && isRunning('delay')(now),
    );
    const approve = (body: object) => server.call('POST', `/api/executions/${one.id}/approve`, body);
    expect((await approve({ nodeId: 'c' })).body.code).toBe('no_approval_waiting');
    expect((await approve({})).status).toBe(202);
    await one.watch.until((now) =>
      now.frames.some(({ data }) => data.nodeId === 'b' && data.status === 'completed'),
    );
    expect((await approve({ nodeId: 'a' })).status).toBe(202);
    await one.watch.until((now) =>
      now.frames.some(({ data }) => data.nodeId === 'a' && data.status === 'completed'),
    );
    one.watch.close();
    await server.call('POST', `/api/executions/${one.id}/cancel`);
  });

  const withWhat = (type: string, what: string) => ({ id: 'a', type, data: { config: { what } } });

  it.each([
    ['a cycle', 'output_too_deep'],
    ['a BigInt', 'output_not_json'],
    ['a function', 'output_not_json'],
    ['a symbol', 'output_not_json'],
    ['too much', 'output_too_large'],
    ['too many parts', 'output_too_large'],
  ])('that returns %s fails its node', async (what, code) => {
    const one = await watch(start([withWhat('returns', what)]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data).toMatchObject({ code, nodeId: 'a' });
  });

  it.each([
    ['nothing', null],
    ['a date', { at: '1970-01-01T00:00:00.000Z' }],
  ])('that returns %s has the output that JSON makes of it', async (what, output) => {
    const one = await watch(start([withWhat('returns', what), node('changes', 'b')], [['a', 'b']]));
    await one.watch.until((now) => now.frames.some(({ data }) => data.status === 'completed'));
    const step = one.watch.frames.find(({ data }) => data.status === 'completed')!;
    expect(step.data.output).toEqual(output);
    await one.watch.done();
  });

  it.each([
    ['an event that only the engine records', 'invalid_event', 'execution:completed: a node cannot emit it'],
    ['no event', 'invalid_event', 'unknown type: a node cannot emit it'],
    ['an event without a type', 'invalid_event', 'unknown type: a node cannot emit it'],
    ['a chunk that is no text', 'invalid_event', 'chunk must be a string'],
    ['a chunk that is too long', 'output_too_large', 'The chunk of an event has 2000000 bytes'],
    ['a call without an id', 'invalid_event', 'toolId must be a string'],
    ['a result that is a BigInt', 'output_not_json', 'The result of an event of the node is not JSON'],
    ['a result that is neither an error nor not', 'invalid_event', 'isError must be true or false'],
    ['a name with a space', 'invalid_event', 'name: may contain letters, digits and . _ : -'],
    ['a name that is too long', 'invalid_event', 'name: may have at most 128 characters'],
    ['a value that is a cycle', 'output_too_deep', 'levels deep'],
    ['a value that is missing', 'output_not_json', 'The value of an event of the node is not JSON'],
    ['a value that is too large', 'output_too_large', 'The value of an event has 2000002 bytes'],
  ])('that emits %s fails its node', async (what, code, message) => {
    const one = await watch(start([withWhat('emits', what)]));
    await one.watch.done();
    const { frames } = one.watch;
    expect(frames.at(-1)!.data).toMatchObject({
      code,
      nodeId: 'a',
      error: expect.stringContaining(message) as string,
    });
    expect(ids(frames)).toEqual(upTo(frames.length));
  });

  it('cannot replace the fields of an event that belong to the engine', async () => {
    const one = await watch(start([node('pretends')]));
    await one.watch.done();
    const { data } = one.watch.frames.find(({ type }) => type === 'execution:output')!;
    expect(data).toMatchObject({ executionId: one.id, nodeId: 'a', chunk: 'x' });
    expect(Date.parse(data.timestamp)).toBeGreaterThan(0);
    expect(data).not.toHaveProperty('extra');
  });

  it('that never returns fails at the time limit of its node', async () => {
    const one = await watch(start([{ ...node('never'), data: { timeoutMs: 50, maxRetries: 0 } }]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data).toMatchObject({ code: 'node_timeout', nodeId: 'a' });
  });

  it('that emits after the end of its node adds nothing to the execution', async () => {
    const one = await watch(start([node('after-end'), delay('d', 200)]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(one.watch.frames.map(({ type }) => type)).not.toContain('execution:output');
    expect(logged(one.id)).toEqual([]);
  });

  it('that changes values which it shares with other nodes gets an error, and its late changes have no effect', async () => {
    const id = await server.startExecution({
      ...start(
        [withWhat('returns', 'a date'), node('changes', 'b'), delay('d', 50)].map((each, index) =>
          index === 0 ? { ...each, id: 'first' } : each,
        ),
        [
          ['first', 'b'],
          ['b', 'd'],
        ],
      ),
      input: { list: ['as posted'] },
      tags: ['as posted'],
    });
    const stream = new Watch(server.url, `/api/executions/${id}/stream`);
    await stream.done();
    expect(stream.frames.at(-1)!.data.result).toMatchObject({
      status: 'completed',
      input: { list: ['as posted'] },
      tags: ['as posted'],
      steps: [
        { output: { at: '1970-01-01T00:00:00.000Z' } },
        { output: { failures: ['TypeError', 'TypeError', 'TypeError'] } },
        {},
      ],
    });
  });

  it.each([
    ['check-hangs', 'CheckHangs.check of TeamModule failed'],
    ['check-throws', 'CheckThrows.check of TeamModule failed'],
  ])(
    'whose check of a config does not work fails the request, and the log names it: %s',
    async (type, message) => {
      const { status, body } = await server.call('POST', '/api/executions', start([node(type)]));
      expect([status, body.code]).toEqual([500, 'internal_error']);
      expect(server.output()).toContain(message);
    },
  );

  it('that looks up an unknown execution gets a 404', async () => {
    const one = await watch(start([node('finds')]));
    await one.watch.done();
    const missing = { status: 404, code: 'not_found' };
    expect(one.watch.frames.at(-1)!.data.result.output).toEqual([missing, missing, one.id]);
  });
});

it('a config schema with an asynchronous refinement stops the start', async () => {
  const code = `
    @NodeHandler('remote')
    class Remote {
      readonly config = z.strictObject({ url: z.string().refine(async () => true) });
      async run() { return null; }
    }
    @Module({ providers: [Remote] })
    class TeamModule {}
  `;
  const starting = ExtensionServer.start(code, { DATABASE_URL: await createDatabase() });
  await expect(starting).rejects.toThrow(
    /the config of @NodeHandler\('remote'\) of Remote of TeamModule has an asynchronous refinement at url.*check\(\)/,
  );
});
