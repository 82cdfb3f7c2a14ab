import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, type Server } from './support/server.js';
import { delay, pathOf, TERMINAL, Watch } from './support/watch.js';

const NODES = `
  const hour = { nodes: ${JSON.stringify([delay('d', 3_600_000)])}, edges: [] };

  @NodeHandler('leaver')
  class Leaver {
    readonly config = z.strictObject({});
    async run(run: NodeRun) {
      const children = run.runChildren({ key: 'slow', workflow: hour, inputs: [1, 2] });
      await Promise.race([children, run.waitFor({ kind: 'timer', ms: 1_000 })]);
      return 'left';
    }
  }

  @NodeHandler('asks-and-fails')
  class AsksAndFails {
    readonly config = z.strictObject({});
    async run(run: NodeRun) {
      const answer = run.waitFor({ kind: 'approval' });
      await run.waitFor({ kind: 'timer', ms: 1 });
      if (run.attempt === 1) throw new TransientError('busy', 'The first attempt fails.', 3_000);
      return (await answer).outcome;
    }
  }

  @Module({ providers: [Leaver, AsksAndFails] })
  class TeamModule {}
`;

describe('nodes of a module with several waits', () => {
  let extension: ExtensionServer;
  let server: Server;
  beforeAll(async () => {
    extension = await ExtensionServer.start(NODES, {
      DATABASE_URL: await createDatabase(),
      LONG_RETRY_DELAY_MS: '0',
      TIMER_POLL_INTERVAL_MS: '100',
    });
    ({ server } = extension);
  });
  afterAll(() => extension.stop());

  const start = (type: string) =>
    server.startExecution({
      projectId: 'demo',
      input: null,
      workflow: { nodes: [{ id: 'n', type, data: { maxRetries: 1 } }], edges: [] },
    });

  it('end with the children that they leave', async () => {
    const id = await start('leaver');
    const tree = await new Watch(server.url, `/api/executions/stream?rootId=${id}`).done();
    const ends = tree.frames.filter(({ type }) => TERMINAL.test(type));
    expect(ends.map(({ type, data }) => [type, data.executionId === id])).toEqual([
      ['execution:cancelled', false],
      ['execution:cancelled', false],
      ['execution:completed', true],
    ]);
  });

  it('are not continued by an answer while they wait for their next attempt', async () => {
    const id = await start('asks-and-fails');
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:retry'));
    await server.call('POST', `/api/executions/${id}/approve`, { approved: true });
    await watch.done();
    const steps = watch.frames.filter(({ type }) => type === 'execution:step').map(({ data }) => data);
    expect(steps.map(({ status, attempt }) => `${attempt} ${status}`)).toEqual([
      '1 running',
      '1 waiting',
      '1 running',
      '1 retrying',
      '2 running',
      '2 completed',
    ]);
    expect(watch.frames.at(-1)?.data.result?.output).toBe('answered');
  });
});
