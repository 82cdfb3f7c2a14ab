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

  @Injectable()
  class Background {
    onApplicationBootstrap() {
      setTimeout(() => void Promise.reject(new Error('of no node at all')), 10);
    }
  }

  @Module({ imports: [ExecutionsModule],
    providers: [Forgetful, Chained, Rejects, Passing, Throws, Odd, Late, Decides, Asks, Finds, Background] })
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
    const one = await watch(start([node(type)]));
    await one.watch.done();
    expect(one.watch.frames.at(-1)!.data).toMatchObject({
      code: 'node_failed',
      nodeId: 'a',
      error: `The node failed: ${message}`,
    });
    expect(one.watch.frames.at(-2)!.data).toMatchObject({ status: 'failed', nodeId: 'a' });
    expect(logged(one.id)[0]).toMatchObject({ level: 'error', nodeId: 'a', error: { message } });
    expect((await server.call('GET', `/api/executions/${other.id}`)).body.status).toBe('running');
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
