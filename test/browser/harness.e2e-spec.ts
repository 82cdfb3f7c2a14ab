import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seriousFindings } from '../support/accessibility.js';
import { Browser } from '../support/browser.js';

describe('Browser of the tests', () => {
  let browser: Browser;
  let server: Server;
  let url: string;

  beforeAll(async () => {
    browser = await Browser.launch();
    server = createServer((request, response) => {
      response.setHeader(
        'content-security-policy',
        "default-src 'none'; script-src 'self'; connect-src *; img-src data:",
      );
      if (request.url === '/bad.js')
        return response
          .setHeader('content-type', 'text/javascript')
          .end(`console.error('said'); setTimeout(() => { throw new Error('thrown'); });`);
      const bad = request.url === '/bad' ? '<script src="/bad.js"></script><script>inline()</script>' : '';
      return response
        .setHeader('content-type', 'text/html')
        .end(
          `<!doctype html><html lang="en"><title>Test</title><link rel="icon" href="data:,">${bad}<p id="hello">hello</p>`,
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('shows a page and finds no problems', async () => {
    const open = await browser.open();
    await open.page.goto(`${url}/good`);
    expect(await open.page.textContent('#hello')).toBe('hello');
    // Without fonts the text is present but has no height.
    expect((await open.page.locator('#hello').boundingBox())?.height).toBeGreaterThan(10);
    expect(await open.page.evaluate(() => matchMedia('(prefers-reduced-motion)').matches)).toBe(true);
    expect(open.problems).toEqual([]);
    await open.close();
  });

  it('records console errors, uncaught errors and violations of the CSP', async () => {
    const open = await browser.open();
    const thrown = open.page.waitForEvent('pageerror');
    await open.page.goto(`${url}/bad`);
    await thrown;
    // The page reports a violation asynchronously.
    await open.until(() => open.problems.some((problem) => problem.startsWith('csp:')));
    expect(open.problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^console: said/),
        expect.stringMatching(/^uncaught: Error: thrown/),
        expect.stringMatching(/^csp: script-src-elem inline/),
      ]),
    );
    await open.close();
  });

  it('finds accessibility problems', async () => {
    const open = await browser.open();
    await open.page.goto(`${url}/good`);
    expect(await seriousFindings(open.page)).toEqual([]);
    await open.page.evaluate(() => document.body.append(document.createElement('button')));
    expect(await seriousFindings(open.page)).toEqual([expect.stringMatching(/^button-name at button/)]);
    await open.close();
  });

  it('cannot reach the internet', async () => {
    const open = await browser.open();
    await open.page.goto(`${url}/good`);
    const reached = await open.page.evaluate(() =>
      fetch('http://example.com/').then(
        () => true,
        () => false,
      ),
    );
    expect(reached).toBe(false);
    await open.close();
  });
});
