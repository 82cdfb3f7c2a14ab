import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const MODULE = `
  const Config = z.strictObject({});

  @NodeHandler('measures')
  class Measures {
    readonly config = Config;
    async run(run: NodeRun<object>) {
      await run.emit({ type: 'execution:custom', name: 'team.rows', value: { rows: 3, of: [1, 2] } });
      return { tags: run.tags, createdBy: run.createdBy, projectId: run.projectId };
    }
  }

  const seen: string[] = [];

  @Injectable()
  class Spoiler {
    @OnExecutionEvent('execution:custom')
    change(event: any) { event.value.rows = 4; }
    @OnExecutionEvent('execution:custom')
    throwNow() { throw new Error('thrown at once'); }
    @OnExecutionEvent('execution:custom')
    async rejectLater() { await null; throw new Error('rejected later'); }
    @OnExecutionEvent('execution:custom')
    throwInTimer() { setTimeout(() => { throw new Error('thrown in a timer'); }, 1); }
    @OnExecutionEvent('execution:custom')
    forget() { void Promise.reject(new Error('forgotten')); }
    @OnExecutionEvent('execution:custom')
    hang() { return new Promise(() => undefined); }
  }

  @Injectable()
  class Audit {
    @OnExecutionEvent(['execution:custom', 'execution:completed'])
    note(event: any) { seen.push(\`\${event.sequence} \${event.type} \${JSON.stringify(event.value ?? null)}\`); }
    @OnExecutionEvent('*')
    count(event: any) { if (event.type === 'execution:completed') console.log(\`audit of \${event.executionId}: \${seen.join('; ')}\`); }
    @OnExecutionEvent('execution:custom', { durable: 'elsewhere' })
    durable() { seen.push('a durable listener'); }
  }

  @Module({ providers: [Measures, Spoiler, Audit] })
  class TeamModule {}
`;

describe('listeners of a module', () => {
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
    // The server must have survived all listeners.
    expect(await extension.stop()).toBe(0);
  });

  it('get each event once and unchanged, and harm nothing by their own mistakes', async () => {
    const id = await server.startExecution({ ...start([{ id: 'a', type: 'measures' }]), tags: ['nightly'] });
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.done();
    expect(watch.frames.at(-1)!.data.result.output).toEqual({
      tags: ['nightly'],
      createdBy: expect.any(String) as string,
      projectId: 'demo',
    });
    const custom = watch.frames.find(({ type }) => type === 'execution:custom')!;
    expect(custom.data).toMatchObject({ name: 'team.rows', value: { rows: 3, of: [1, 2] }, nodeId: 'a' });
    const line = /audit of .*/.exec(server.output())![0];
    // The durable listener is called once, at any time.
    expect(line.replace('; a durable listener', '')).toBe(
      `audit of ${id}: ${custom.id} execution:custom {"rows":3,"of":[1,2]}; ${watch.frames.length} execution:completed null`,
    );
  });

  it.each([
    ['change', 'Cannot assign to read only property'],
    ['throwNow', 'thrown at once'],
    ['rejectLater', 'rejected later'],
    ['throwInTimer', 'thrown in a timer'],
    ['forget', 'forgotten'],
  ])('are named in the log with their error: %s', async (method, message) => {
    const lines = () =>
      server
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{') && line.includes(`"method":"${method}"`))
        .map((line) => JSON.parse(line) as object);
    const deadline = Date.now() + 20_000;
    while (lines().length === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(lines()).toMatchObject([
      {
        level: 'error',
        module: 'TeamModule',
        class: 'Spoiler',
        message: `Spoiler.${method} of TeamModule did not handle an error`,
        error: { message: expect.stringContaining(message) as string },
      },
    ]);
  });

  it('may select custom events by a filter, as any stream and page', async () => {
    const id = await server.startExecution(start([{ id: 'a', type: 'measures' }]));
    const watch = new Watch(server.url, `/api/executions/${id}/stream?types=execution:custom`);
    await watch.done();
    expect(watch.frames.map(({ type }) => type)).toEqual(['execution:custom']);
    const page = await server.call('GET', `/api/executions/${id}/events?types=execution:custom`);
    expect(page.body).toMatchObject({ events: [{ type: 'execution:custom', name: 'team.rows' }] });
  });
});
