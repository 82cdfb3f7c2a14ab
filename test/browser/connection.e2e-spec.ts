import { Browser } from '../support/browser.js';
import { MonitorPage } from '../support/monitor-page.js';
import { createDatabase, Server } from '../support/server.js';
import { TestPage } from '../support/test-page.js';
import { agent, delay, start, upTo } from '../support/watch.js';

describe('The connection of @cloutagent/react', () => {
  let server: Server;
  let settings: Record<string, string>;
  let site: TestPage;
  let browser: Browser;
  let monitor: MonitorPage;

  beforeAll(async () => {
    settings = { DATABASE_URL: await createDatabase(), STREAM_RETRY_MS: '100' };
    server = await Server.start(settings);
    site = await TestPage.start('test/browser/pages/monitor.tsx', server.url);
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await server?.kill('SIGTERM');
  });
  beforeEach(async () => {
    monitor = await MonitorPage.open(browser, site);
  });
  afterEach(async () => {
    // What the browser says of connections that are cut on purpose.
    expect(monitor.open.problems.filter((problem) => !problem.includes('net::ERR_'))).toEqual([]);
    await monitor.open.close();
    await monitor.open.until(() => site.openStreams === 0);
  });

  /** Waits for the end, and compares what the page has with the journal. */
  const expectComplete = async (id: string): Promise<void> => {
    await monitor.status('completed');
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect((await monitor.read('events'))[id]).toEqual(upTo(body.lastSequence as number));
    expect((await monitor.read('outputs'))['writer']).toBe(
      body.steps.findLast((step: any) => step.nodeId === 'writer').output,
    );
  };

  it('is one for all who watch the same execution, StrictMode or not, and closes after the last', async () => {
    const id = await server.startExecution(start([delay('long', 60_000)]));
    const before = site.streamsOpened;
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.status('running');
    expect(site.streamsOpened - before).toBe(1);
    await monitor.show({ monitors: [], watched: [id] });
    await monitor.page.waitForSelector('.ca-monitor', { state: 'detached' });
    expect(site.openStreams).toBe(1);
    await monitor.show({ monitors: [] });
    await monitor.open.until(() => site.openStreams === 0);
    expect(site.streamsOpened - before).toBe(1);
  });

  it('follows changes of the id, also while it is connecting', async () => {
    const [one, two] = [
      await server.startExecution(start([delay('a', 60_000)])),
      await server.startExecution(start([delay('b', 60_000)])),
    ];
    for (const id of [one, two, one, two, one]) await monitor.show({ monitors: [{ executionId: id! }] });
    await monitor.page.waitForSelector('.ca-step-name:text("a")');
    await monitor.open.until(() => site.openStreams === 1);
    await monitor.show({ monitors: [{ executionId: two! }] });
    await monitor.page.waitForSelector('.ca-step-name:text("b")');
    expect(await monitor.page.locator('.ca-step-name:text("a")').count()).toBe(0);
    await monitor.open.until(() => site.openStreams === 1);
  });

  it('gives a watcher that comes late everything from the first event on', async () => {
    const id = await server.startExecution(start([agent('writer', { chunks: 100, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.page.waitForSelector('.ca-text');
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await expectComplete(id);
  });

  it('is cut, and restored, and misses nothing', async () => {
    const id = await server.startExecution(start([agent('writer', { chunks: 200, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    site.cut();
    await monitor.page.waitForSelector('[data-connection=waiting]:has-text("Reconnecting in")');
    await monitor.page.waitForSelector('.ca-visually-hidden:has-text("Connection lost, reconnecting.")', {
      state: 'attached',
    });
    site.restore();
    await expectComplete(id);
  });

  it('outlives the browser being offline', async () => {
    const id = await server.startExecution(start([agent('writer', { chunks: 200, delayMs: 10 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    await monitor.open.context.setOffline(true);
    await monitor.open.until(() => site.openStreams === 0);
    await monitor.open.context.setOffline(false);
    await expectComplete(id);
  });

  it('outlives the death of the server, and drops what the interrupted attempt said', async () => {
    const id = await server.startExecution(start([agent('writer', { chunks: 200, delayMs: 20 })]));
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.ca-text');
    await server.kill('SIGKILL');
    server = await Server.start(settings);
    site.restore(server.url);
    await expectComplete(id);
    expect(await monitor.page.locator('.ca-step[data-status=retrying]').count()).toBe(1);
  });
});
