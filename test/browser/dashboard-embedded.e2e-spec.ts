import { Browser } from '../support/browser.js';
import { DashboardPage } from '../support/dashboard-page.js';
import { HostProcess } from '../support/host-process.js';
import { createDatabase } from '../support/server.js';
import { start } from '../support/watch.js';

const HOST = `
  @Module({
    imports: [
      ExecutionsModule.forRoot({
        path: 'agents',
        dashboard: true,
        settings: { DATABASE_URL: process.env.DATABASE_URL, BOOTSTRAP_API_KEY: process.env.BOOTSTRAP_API_KEY },
      }),
    ],
  })
  class HostModule {}

  async function main() {
    const app = await NestFactory.create(HostModule, { logger: ['error', 'warn'] });
    app.setGlobalPrefix('v1');
    await app.listen(0, '127.0.0.1');
    console.log(\`listens on \${await app.getUrl()};\`);
  }
  void main();
`;

describe('Dashboard: inside another application', () => {
  let host: HostProcess;
  let browser: Browser;
  beforeAll(async () => {
    host = await HostProcess.start(HOST, { DATABASE_URL: await createDatabase() });
    browser = await Browser.launch();
  });
  afterAll(async () => {
    await browser?.close();
    await host?.remove();
  });

  it('stays below its path: its links, its requests, its streams and pages that are loaded later', async () => {
    const body = start([{ id: 'boss', type: 'approval' }]);
    const { body: started } = await host.server.call('POST', '/v1/agents/api/executions', body);
    const { page, open, problems } = await DashboardPage.signedIn(browser, host.server, '/v1/agents');
    const pathOf = () => new URL(page.url()).pathname;
    await page.locator(`a[href="/v1/agents/executions/${started.id}"]`).click();
    await page.locator('.step-node').first().waitFor({ timeout: 60_000 });
    expect(pathOf()).toBe(`/v1/agents/executions/${started.id}`);
    await page.getByRole('link', { name: 'Start', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Start an execution' }).waitFor();
    expect(pathOf()).toBe('/v1/agents/start');
    await page.goBack();
    await page.locator('.step-node').first().waitFor();
    await page.reload();
    await page.locator('.step-node').first().waitFor();
    await open.close();
    expect(problems).toEqual([]);
  });
});
