import type { BrowserContextOptions, Page } from 'playwright-core';
import type { Browser, OpenPage } from './browser.js';
import { ADMIN_KEY, type Server } from './server.js';

/** The dashboard in a browser, operated like a user does. */
export class DashboardPage {
  private constructor(
    readonly open: OpenPage,
    private readonly server: Server,
  ) {}

  /** Opens `path` and signs in there. */
  static async signedIn(
    browser: Browser,
    server: Server,
    path: string,
    { key = ADMIN_KEY, ...options }: BrowserContextOptions & { key?: string } = {},
  ): Promise<DashboardPage> {
    const dashboard = new DashboardPage(await browser.open(options), server);
    await dashboard.goto(path);
    await dashboard.signIn(key);
    await dashboard.page.getByRole('navigation', { name: 'Main' }).waitFor();
    return dashboard;
  }

  get page(): Page {
    return this.open.page;
  }

  /** Problems that the browser reported, without those of connections that the tests cut. */
  get problems(): string[] {
    return this.open.problems.filter((problem) => !problem.includes('net::ERR_'));
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(new URL(path, this.server.url).href);
  }

  async signIn(key: string): Promise<void> {
    await this.page.getByLabel('API key').fill(key);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** Waits until the graph shows a node with this status. */
  async node(label: string, status: string): Promise<void> {
    await this.page.locator(`.step-node[data-status="${status}"]`, { hasText: label }).waitFor();
  }

  /** Waits until the monitor shows this status. */
  async status(status: string): Promise<void> {
    await this.page.locator('.ca-head', { hasText: status }).waitFor();
  }

  /** Returns the output of a node that the monitor shows. */
  async output(nodeId: string): Promise<string> {
    return (await this.page.locator(`[aria-label="output of ${nodeId}"]`).textContent()) ?? '';
  }
}
