import { Browser } from './browser.js';
import { MonitorPage } from './monitor-page.js';
import { createDatabase, Server } from './server.js';
import { type PageOptions, TestPage } from './test-page.js';

/** Fixture of one test file: a server, the test page of `@cloutagent/react`, and a browser. */
export class MonitorStage {
  server!: Server;
  site!: TestPage;
  private browser!: Browser;

  constructor(
    private readonly settings: Record<string, string> = {},
    page: PageOptions = {},
  ) {
    beforeAll(async () => {
      this.settings['DATABASE_URL'] = await createDatabase();
      this.server = await Server.start(this.settings);
      this.site = await TestPage.start('test/browser/pages/monitor.tsx', this.server.url, page);
      this.browser = await Browser.launch();
    });
    afterAll(async () => {
      await this.browser?.close();
      await this.site?.close();
      await this.server?.kill('SIGTERM');
    });
  }

  open(options?: Parameters<Browser['open']>[0]): Promise<MonitorPage> {
    return MonitorPage.open(this.browser, this.site, options);
  }

  /** Kills the server, and starts another one with the same database. */
  async replaceServer(): Promise<void> {
    await this.server.kill('SIGKILL');
    this.server = await Server.start(this.settings);
    this.site.restore(this.server.url);
  }
}
