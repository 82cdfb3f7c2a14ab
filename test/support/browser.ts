import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Browser as Chrome,
  type BrowserContext,
  type BrowserContextOptions,
  chromium as playwright,
  type Page,
} from 'playwright-core';
import { chromium } from './chromium.js';

/**
 * A real browser for one test file: `beforeAll` launches it, `afterAll` closes it. It can reach only loopback addresses.
 */
export class Browser {
  private constructor(private readonly chrome: Chrome) {}

  static async launch(): Promise<Browser> {
    const { executablePath, env } = await chromium();
    return new Browser(
      await playwright.launch({
        executablePath,
        env,
        headless: true,
        chromiumSandbox: false,
        args: [
          '--disable-gpu',
          '--disable-background-networking',
          '--disable-dev-shm-usage',
          '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
        ],
      }),
    );
  }

  /** Opens a page with its own cookies and storage. @param options as for Playwright's `newContext` */
  async open(options: BrowserContextOptions = {}): Promise<OpenPage> {
    const context = await this.chrome.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    return OpenPage.watch(context, page);
  }

  async close(): Promise<void> {
    await this.chrome.close();
  }
}

/** A page, and the problems that the browser reported for it. */
export class OpenPage {
  /** Console errors, uncaught errors, and violations of the content security policy, in order. */
  readonly problems: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async watch(context: BrowserContext, page: Page): Promise<OpenPage> {
    const open = new OpenPage(context, page);
    page.on('console', (message) => {
      if (message.type() === 'error')
        open.problems.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => open.problems.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('crash', () => open.problems.push('the page crashed'));
    await page.exposeFunction('reportCspViolation', (violation: string) =>
      open.problems.push(`csp: ${violation}`),
    );
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        const { reportCspViolation } = globalThis as unknown as {
          reportCspViolation: (violation: string) => void;
        };
        reportCspViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    return open;
  }

  /**
   * Clicks on a link that opens a new tab, and returns the tab. On a busy machine Playwright 1.65 sometimes never reports
   * a tab that Chromium has opened (5 of 100 clicks). The click is repeated only in this case.
   * @throws Error when the click opens no tab in Chromium
   */
  async openTab(click: () => Promise<void>): Promise<Page> {
    const session = await this.context.browser()!.newBrowserCDPSession();
    const countTabs = async (): Promise<number> =>
      (await session.send('Target.getTargets')).targetInfos.filter(({ type }) => type === 'page').length;
    for (let tries = 1; ; tries += 1) {
      const before = await countTabs();
      const reported = this.context.waitForEvent('page').catch(() => undefined);
      await click();
      const tab = await reported;
      if (tab) return tab;
      if ((await countTabs()) <= before) throw new Error('the click opened no tab');
      if (tries === 3) throw new Error('Playwright reported none of the 3 opened tabs');
    }
  }

  /** Waits until `condition` is true. */
  async until(condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`waited ${timeoutMs} ms; the page's problems: ${this.problems.join('\n')}`);
      await sleep(20);
    }
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
