import { Browser } from '../support/browser.js';
import { MonitorPage } from '../support/monitor-page.js';
import { createDatabase, Server } from '../support/server.js';
import { TestPage } from '../support/test-page.js';
import { agent, delay, start } from '../support/watch.js';

describe('useExecutions', () => {
  let server: Server;
  let site: TestPage;
  let browser: Browser;
  let monitor: MonitorPage;

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    site = await TestPage.start('test/browser/pages/monitor.tsx', server.url);
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await server?.kill('SIGTERM');
  });
  afterEach(async () => {
    await monitor.open.close();
  });

  const row = (id: string, status: string) =>
    monitor.page.waitForSelector(`.listed:has-text("${id} ${status}")`);

  it('lists, and follows what is there and what comes', async () => {
    const long = await server.startExecution(start([delay('long', 60_000)]));
    monitor = await MonitorPage.open(browser, site);
    await monitor.show({ monitors: [], listed: { projectId: 'demo' } });
    await row(long, 'running');
    const short = await server.startExecution(start([agent('writer', { chunks: 20, delayMs: 0 })]));
    await row(short, 'completed');
    await server.call('POST', `/api/executions/${long}/cancel`);
    await row(long, 'cancelled');
    const ids = await monitor.page.locator('.listed').allTextContents();
    expect(ids.map((text) => text.split(' ')[0])).toEqual([short, long]);
    const { body } = await server.call('GET', `/api/executions/${short}`);
    expect(ids[0]).toBe(`${short} completed ${body.lastSequence}`);
  });

  it('lets go of what no longer matches', async () => {
    const id = await server.startExecution(start([delay('long', 60_000)]));
    monitor = await MonitorPage.open(browser, site);
    await monitor.show({ monitors: [], listed: { projectId: 'demo', status: 'running' } });
    await row(id, 'running');
    await server.call('POST', `/api/executions/${id}/cancel`);
    await monitor.page.waitForSelector(`.listed:has-text("${id}")`, { state: 'detached' });
  });
});
