import type { PageState, View } from '../browser/pages/monitor.js';
import type { Browser, OpenPage } from './browser.js';
import { ADMIN_KEY } from './server.js';
import type { TestPage } from './test-page.js';

type Options = Parameters<Browser['open']>[0];

/** The test page of `@cloutagent/react` in a browser. `show` sets its content. */
export class MonitorPage {
  private constructor(readonly open: OpenPage) {}

  static async open(browser: Browser, site: TestPage, options?: Options): Promise<MonitorPage> {
    const open = await browser.open(options);
    await open.page.addInitScript((apiKey) => Object.assign(globalThis, { apiKey }), ADMIN_KEY);
    await open.page.goto(site.url);
    return new MonitorPage(open);
  }

  get page() {
    return this.open.page;
  }

  async show(view: View): Promise<void> {
    await this.page.evaluate((requested) => {
      (globalThis as unknown as { state: PageState }).state.show(requested);
    }, view);
  }

  /** Reads one of the page's counters. */
  read<K extends Exclude<keyof PageState, 'show'>>(name: K): Promise<PageState[K]> {
    return this.page.evaluate(
      (key) => (globalThis as unknown as { state: PageState }).state[key],
      name,
    ) as Promise<PageState[K]>;
  }

  /** Waits until the head of the monitor shows this status. */
  async status(status: string, timeout = 30_000): Promise<void> {
    await this.page.waitForSelector(`.ca-head [data-status=${status}]`, { timeout });
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true });
  }
}
