import type { Page, Request } from 'playwright-core';
import { DashboardStage } from '../support/dashboard-stage.js';
import { agent, delay, start } from '../support/watch.js';

const isList = (request: Request): boolean => request.url().includes('/api/executions?');

/** Records the requests for the list from now on, when they are sent and when they are answered. */
function listRequestsOf(page: Page): Record<'sent' | 'answered', Request[]> {
  const [sent, answered]: [Request[], Request[]] = [[], []];
  page.on('request', (request) => isList(request) && sent.push(request));
  page.on('requestfinished', (request) => isList(request) && answered.push(request));
  return { sent, answered };
}

describe('Dashboard: list of executions', () => {
  const stage = new DashboardStage({ STREAM_RETRY_MS: '100', RETRY_BASE_MS: '1' });
  const startWaiting = () => stage.server.startExecution(start([delay('long', 600_000)]));

  it('is read again only while its stream is not live', async () => {
    const dashboard = await stage.signIn('/keys');
    const { page } = dashboard;
    const { sent, answered } = listRequestsOf(page);
    await startWaiting();
    await page.clock.install();
    await dashboard.goto('/executions');
    await page.locator('.live-sign', { hasText: 'Live' }).waitFor();
    // The list is read at first, and again when the stream has opened.
    await dashboard.open.until(() => answered.length === 2);
    // Longer than every polling interval, shorter than the silence after which a stream counts as dead.
    await page.clock.fastForward(20_000);
    const id = await stage.server.startExecution(start([agent('long', { chunks: 1_000, delayMs: 1_000 })]));
    await page.locator(`a[href="/executions/${id}"]`).waitFor();
    expect(sent).toHaveLength(3);

    await stage.server.kill('SIGKILL');
    await page.locator('.live-sign', { hasText: 'Reconnecting' }).waitFor();
    const refused = page.waitForEvent('requestfailed', isList);
    await page.clock.fastForward(20_000);
    await refused;
    await page.getByText('The list could not be loaded').waitFor();
    await stage.restartServer();
    await page.locator('.live-sign', { hasText: 'Live' }).waitFor();
    await page.getByText('The list could not be loaded').waitFor({ state: 'detached' });
  });

  it('follows the link of a row on a click anywhere in the row, also in a new tab', async () => {
    const id = await startWaiting();
    const dashboard = await stage.signIn('/keys');
    const { page, open } = dashboard;
    const { answered } = listRequestsOf(page);
    await dashboard.goto('/executions');
    const row = page.locator('tr', { has: page.locator(`a[href="/executions/${id}"]`) });
    await row.waitFor();
    // The list is read again when its stream has opened. Rows that this read adds would move the row.
    await page.locator('.live-sign', { hasText: 'Live' }).waitFor();
    await dashboard.open.until(() => answered.length === 2);
    const middleOf = async (label: string) => {
      const box = (await row.locator(`td[data-label="${label}"]`).boundingBox())!;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const hit = await page.evaluate((point) => document.elementFromPoint(...point)?.tagName, [
        x,
        y,
      ] as const);
      return { hit, x, y };
    };
    const tab = await open.openTab(async () => {
      const cost = await middleOf('Cost');
      expect(cost.hit).toBe('A');
      await page.keyboard.down('ControlOrMeta');
      await page.mouse.click(cost.x, cost.y);
      await page.keyboard.up('ControlOrMeta');
    });
    expect(tab.url()).toBe(new URL(`/executions/${id}`, stage.server.url).href);
    const project = await middleOf('Project');
    await page.mouse.click(project.x, project.y);
    await page.locator('.run-head').waitFor();
    expect(new URL(page.url()).pathname).toBe(`/executions/${id}`);
  });

  it('shows the same numbers of steps as the page of the execution', async () => {
    const flaky = agent('writer', { chunks: 1, delayMs: 0, failTimes: 2 });
    const id = await stage.server.startExecution(start([flaky, delay('rest', 1)], [['writer', 'rest']]));
    const { page } = await stage.signIn('/executions?status=completed');
    const row = page.locator('tr', { has: page.locator(`a[href="/executions/${id}"]`) });
    await row.locator('td[data-label="Steps"]', { hasText: '2 of 2' }).waitFor();
    await row.getByRole('link').click();
    await page.getByText('2 of 2 nodes completed').waitFor();
    await page.locator('.ca-progress', { hasText: '2 of 2 steps' }).waitFor();
  });

  describe('with several pages', () => {
    const tag = 'many';
    beforeAll(async () => {
      for (let n = 0; n < 120; n += 1)
        await stage.server.startExecution(start([delay('a', 1)], [], { tags: [tag] }));
      // An execution that ends later would change the list during the measurement.
      const open = `/api/executions?tag=${tag}&status=queued,running`;
      while ((await stage.server.call('GET', open)).body.executions.length > 0);
    });

    it('restores its pages and its scroll position after going back and after a reload', async () => {
      const dashboard = await stage.signIn(`/executions?tag=${tag}`);
      const { page } = dashboard;
      const rows = page.locator('.execution-link');
      for (const shown of [50, 100]) {
        await rows.nth(shown - 1).waitFor();
        await dashboard.button('Show more').click();
      }
      await rows.nth(119).waitFor();
      await page.getByText('120 executions', { exact: true }).waitFor();
      await rows.nth(110).scrollIntoViewIfNeeded();
      const scrollPosition = () => page.evaluate(() => Math.round(scrollY));
      const before = await scrollPosition();
      expect(before).toBeGreaterThan(1_000);
      const departures: (() => Promise<unknown>)[] = [
        () => rows.nth(110).click(),
        () => page.goto(new URL('/docs', stage.server.url).href),
        () => page.reload(),
      ];
      for (const [index, leave] of departures.entries()) {
        await leave();
        if (index === 0) {
          await page.locator('.run-head').waitFor();
          expect(await scrollPosition()).toBe(0);
        }
        if (index < 2) await page.goBack();
        await page.waitForFunction((y) => Math.abs(scrollY - y) <= 2, before, { timeout: 30_000 });
        expect(await rows.count()).toBe(120);
      }
    });
  });

  it('removes unknown statuses from the address, and shows the problem of an invalid filter', async () => {
    const dashboard = await stage.signIn('/executions?status=bogus');
    const { page } = dashboard;
    await page.locator('.execution-link').first().waitFor();
    await page.waitForURL((url) => url.search === '');
    await dashboard.goto('/executions?status=running,bogus');
    await page.waitForURL((url) => url.search === '?status=running');
    await dashboard.goto('/executions?project=no%20project');
    await page.getByText('A project id has up to').waitFor();
    await page.getByRole('heading', { name: 'No matching executions' }).waitFor();
    await page.getByLabel('Project').fill('demo');
    await page.locator('.execution-link').first().waitFor();
    await dashboard.goto(`/executions?tag=${'x'.repeat(65)}`);
    await page.getByText('A tag has at most 64 characters').waitFor();
    await dashboard.goto('/executions/not-an-id');
    await page.getByRole('heading', { name: 'Execution not found' }).waitFor();
  });
});
