import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { delay, start, Watch } from './support/watch.js';

const BLOCK_MS = 1_000;
const MODULE = `
  const Config = z.strictObject({});
  const block = () => { const end = Date.now() + ${BLOCK_MS}; while (Date.now() < end); };
  const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

  @NodeHandler('blocks-first')
  class BlocksFirst {
    readonly config = Config;
    async run() { block(); await tick(); return 'done'; }
  }
  @NodeHandler('blocks-later')
  class BlocksLater {
    readonly config = Config;
    async run() { await tick(); block(); return 'done'; }
  }
  @Injectable()
  class SlowListener {
    @OnExecutionEvent('execution:custom')
    listen() { block(); }
  }
  @NodeHandler('emits')
  class Emits {
    readonly config = Config;
    async run(run: NodeRun<object>) { await run.emit({ type: 'execution:custom', name: 'x', value: null }); return 'done'; }
  }
  @Module({ providers: [BlocksFirst, BlocksLater, Emits] })
  class TeamModule {}
  @Module({ providers: [SlowListener], exports: [SlowListener] })
  class ListenerModule {}
  Reflect.defineMetadata('imports', [ListenerModule], TeamModule);
`;

describe('code of a module that blocks the event loop', () => {
  let extension: ExtensionServer;
  let server: Server;
  beforeAll(async () => {
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: await createDatabase(),
      LOG_FORMAT: 'json',
    });
    ({ server } = extension);
  });
  afterAll(async () => {
    await extension.stop();
  });

  const warnings = () =>
    server
      .output()
      .split('\n')
      .filter((line) => line.includes('blockedMs'))
      .map((line) => JSON.parse(line) as { level: string; message: string; blockedMs: number });

  it.each([
    ['before its first await', 'blocks-first', 'BlocksFirst.run of TeamModule blocked the event loop for'],
    // Code that ran shortly before may be named too.
    ['after an await', 'blocks-later', 'BlocksLater.run of TeamModule'],
    ['in a listener', 'emits', 'SlowListener.listen of ListenerModule blocked the event loop for'],
  ])('is named in one warning, and other executions only wait: %s', async (_where, type, message) => {
    const before = warnings().length;
    const other = await server.startExecution(start([delay('d', 50)]));
    const id = await server.startExecution(start([{ id: 'a', type }]));
    const watches = [id, other].map((each) => new Watch(server.url, `/api/executions/${each}/stream`));
    for (const watch of watches) {
      await watch.done();
      expect(watch.frames.at(-1)!.type).toBe('execution:completed');
      // No other process took the execution over.
      expect(watch.frames.filter((frame) => frame.type === 'execution:started')).toMatchObject([
        { data: { attempt: 1 } },
      ]);
    }
    const [warning, ...more] = warnings().slice(before);
    expect(warning).toMatchObject({ level: 'warn', message: expect.stringContaining(message) as string });
    expect(warning!.blockedMs).toBeGreaterThanOrEqual(BLOCK_MS * 0.8);
    expect(more).toEqual([]);
  });
});
