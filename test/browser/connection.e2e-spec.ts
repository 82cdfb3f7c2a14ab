import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { agent, delay, start, upTo } from '../support/watch.js';

describe('@cloutagent/react: connection', () => {
  const stage = new MonitorStage({ STREAM_RETRY_MS: '100' });
  let monitor: MonitorPage;

  beforeEach(async () => {
    monitor = await stage.open();
  });
  afterEach(async () => {
    // Ignore what the browser logs about connections that the tests cut.
    expect(monitor.open.problems.filter((problem) => !problem.includes('net::ERR_'))).toEqual([]);
    await monitor.open.close();
    await monitor.open.until(() => stage.site.openStreams === 0);
  });

  /** Waits for the end, and compares the page's events and output with the journal. */
  const expectComplete = async (id: string): Promise<void> => {
    await monitor.status('completed');
    const { body } = await stage.server.call('GET', `/api/executions/${id}`);
    expect((await monitor.read('events'))[id]).toEqual(upTo(body.lastSequence));
    expect((await monitor.read('outputs'))['writer']).toBe(
      body.steps.findLast((step) => step.nodeId === 'writer')?.output,
    );
  };

  it('all components of an execution share one connection, also in StrictMode, and it closes after the last one is unmounted', async () => {
    const id = await stage.server.startExecution(start([delay('long', 60_000)]));
    const before = stage.site.streamsOpened;
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.status('waiting');
    expect(stage.site.streamsOpened - before).toBe(1);
    await monitor.show({ monitors: [], watched: [id] });
    await monitor.page.waitForSelector('.ca-monitor', { state: 'detached' });
    expect(stage.site.openStreams).toBe(1);
    await monitor.show({ monitors: [] });
    await monitor.open.until(() => stage.site.openStreams === 0);
    expect(stage.site.streamsOpened - before).toBe(1);
  });

  it('follows changes of executionId, also while it is connecting', async () => {
    const [one, two] = [
      await stage.server.startExecution(start([delay('a', 60_000)])),
      await stage.server.startExecution(start([delay('b', 60_000)])),
    ];
    for (const id of [one, two, one, two, one]) await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.page.waitForSelector('.ca-step-name:text("a")');
    await monitor.open.until(() => stage.site.openStreams === 1);
    await monitor.show({ monitors: [{ executionId: two }] });
    await monitor.page.waitForSelector('.ca-step-name:text("b")');
    expect(await monitor.page.locator('.ca-step-name:text("a")').count()).toBe(0);
    await monitor.open.until(() => stage.site.openStreams === 1);
  });

  it('delivers every event to a component that is mounted late', async () => {
    const id = await stage.server.startExecution(start([agent('writer', { chunks: 100, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.page.waitForSelector('.ca-text');
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await expectComplete(id);
  });

  it('reconnects after a cut connection and shows the complete output', async () => {
    const id = await stage.server.startExecution(start([agent('writer', { chunks: 200, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    stage.site.cut();
    await monitor.page.waitForSelector('[data-connection=waiting]:has-text("Reconnecting in")');
    await monitor.page.waitForSelector('.ca-visually-hidden:has-text("Connection lost, reconnecting.")', {
      state: 'attached',
    });
    stage.site.restore();
    await expectComplete(id);
  });

  it('reconnects after the browser was offline and shows the complete output', async () => {
    const id = await stage.server.startExecution(start([agent('writer', { chunks: 200, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    await monitor.open.context.setOffline(true);
    await monitor.open.until(() => stage.site.openStreams === 0);
    await monitor.open.context.setOffline(false);
    await expectComplete(id);
  });

  it('reconnects after the server was killed, and drops the output of the interrupted attempt', async () => {
    const id = await stage.server.startExecution(start([agent('writer', { chunks: 200, delayMs: 20 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    await stage.replaceServer();
    await expectComplete(id);
    expect(await monitor.page.locator('.ca-step[data-status=retrying]').count()).toBe(1);
  });
});
