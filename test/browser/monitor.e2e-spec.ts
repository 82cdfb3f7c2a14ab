import { Browser, type OpenPage } from '../support/browser.js';
import { seriousFindings } from '../support/accessibility.js';
import { ADMIN_KEY, createDatabase, Server } from '../support/server.js';
import { TestPage } from '../support/test-page.js';
import { agent, delay, start } from '../support/watch.js';
import type { PageState, View } from './pages/monitor.js';

const settings = { REQUESTS_PER_MINUTE: '100000' };
const page_ = 'test/browser/pages/monitor.tsx';

describe('<ExecutionMonitor/>', () => {
  let server: Server;
  let site: TestPage;
  let browser: Browser;
  let open: OpenPage;

  beforeAll(async () => {
    const DATABASE_URL = await createDatabase();
    server = await Server.start({ DATABASE_URL, ...settings });
    site = await TestPage.start(page_, server.url);
    browser = await Browser.launch();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await server?.kill('SIGTERM');
  });

  it('shows an execution', async () => {
    const id = await server.startExecution(
      start([agent('writer', { chunks: 50, delayMs: 20 }), delay('rest', 50)]),
    );
    open = await browser.open();
    await open.page.addInitScript((key) => Object.assign(globalThis, { apiKey: key }), ADMIN_KEY);
    await open.page.goto(site.url);
    await open.page.evaluate(
      (view: View) => (globalThis as unknown as { state: PageState }).state.show(view),
      {
        monitors: [{ executionId: id }],
      },
    );
    await open.page.waitForSelector('.ca-head [data-status=completed]');
    expect(await seriousFindings(open.page)).toEqual([]);
    expect(open.problems).toEqual([]);
  });
});
