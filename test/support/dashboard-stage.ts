import type { BrowserContextOptions } from 'playwright-core';
import { Browser } from './browser.js';
import { DashboardPage } from './dashboard-page.js';
import { createDatabase, Server } from './server.js';

/** Fixture of one test file: a server, a browser, and the dashboard pages that are open in it. */
export class DashboardStage {
  server!: Server;
  browser!: Browser;
  private opened: DashboardPage[] = [];

  constructor(private readonly settings: Record<string, string> = {}) {
    beforeAll(async () => {
      this.settings['DATABASE_URL'] = await createDatabase();
      this.server = await Server.start(this.settings);
      // After a restart the server has the same address.
      this.settings['PORT'] = new URL(this.server.url).port;
      this.browser = await Browser.launch();
    });
    afterAll(async () => {
      await this.browser?.close();
      await this.server?.kill('SIGTERM');
    });
    afterEach(async () => {
      const opened = this.opened.splice(0);
      for (const { open } of opened) await open.close();
      for (const { problems } of opened) expect(problems).toEqual([]);
    });
  }

  /** Opens `path` and signs in there. Problems that the browser reports fail the test at its end. */
  async signIn(path: string, options?: BrowserContextOptions & { key?: string }): Promise<DashboardPage> {
    const dashboard = await DashboardPage.signedIn(this.browser, this.server, path, options);
    this.opened.push(dashboard);
    return dashboard;
  }

  /** Creates a key and returns it. */
  async makeKey(name: string, scopes: string[], projects = ['demo']): Promise<string> {
    const { body } = await this.server.call('POST', '/api/keys', { name, scopes, projects });
    return body.key;
  }

  async restartServer(): Promise<void> {
    this.server = await Server.start(this.settings);
  }
}
