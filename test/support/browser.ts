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
   * Clicks on a link in a way that opens a new tab, and opens its address in a tab. Playwright 1.65 sometimes loses a tab that
   * Chromium opens. So this method checks that the page leaves the click to the browser, stops the browser from opening a tab,
   * and lets Playwright open one.
   * @throws Error when the click meets no link, or when the page's code handles the click itself
   */
  async openTab(click: () => Promise<void>): Promise<Page> {
    const clicked = await this.page.evaluateHandle(() => {
      const seen: { href?: string | undefined; isHandled?: boolean } = {};
      const stop = new AbortController();
      const look = (event: Event) => {
        seen.href = (event.target as Element).closest('a')?.href;
        seen.isHandled = event.defaultPrevented;
        event.preventDefault();
        stop.abort();
      };
      // The window hears a click after all code of the page.
      for (const type of ['click', 'auxclick']) addEventListener(type, look, { signal: stop.signal });
      return seen;
    });
    await click();
    const { href, isHandled } = await clicked.jsonValue();
    if (href === undefined) throw new Error('the click met no link');
    if (isHandled) throw new Error("the page's code handled the click, so the browser would open no tab");
    const tab = await this.context.newPage();
    await tab.goto(href);
    return tab;
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
