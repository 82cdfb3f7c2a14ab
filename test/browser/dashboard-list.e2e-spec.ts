import { DashboardStage } from '../support/dashboard-stage.js';
import { delay, start } from '../support/watch.js';

describe('The list of executions in the dashboard', () => {
  const stage = new DashboardStage({ STREAM_RETRY_MS: '100', RETRY_BASE_MS: '1' });
  const waiting = () => stage.server.startExecution(start([delay('long', 600_000)]));

  it('is not read again while its stream is live, and is when it is not', async () => {
    const dashboard = await stage.signIn('/keys');
    const { page } = dashboard;
    const [asked, answered]: [string[], string[]] = [[], []];
    const isList = (url: string) => url.includes('/api/executions?');
    page.on('request', (request) => isList(request.url()) && asked.push(request.url()));
    page.on('requestfinished', (request) => isList(request.url()) && answered.push(request.url()));
    await waiting();
    await page.clock.install();
    await dashboard.goto('/executions');
    await page.locator('.live-sign', { hasText: 'Live' }).waitFor();
    // Once at first, and once when the stream stands.
    await dashboard.open.until(() => answered.length === 2);
    // More than any pace of polling, less than a stream may be silent.
    await page.clock.fastForward(20_000);
    const id = await waiting();
    await page.locator(`a[href="/executions/${id}"]`).waitFor();
    expect(asked).toHaveLength(3);

    await stage.server.kill('SIGKILL');
    await page.locator('.live-sign', { hasText: 'Reconnecting' }).waitFor();
    const refused = page.waitForEvent('requestfailed', (request) => isList(request.url()));
    await page.clock.fastForward(20_000);
    await refused;
    await page.getByText('The list cannot be read now').waitFor();
    await stage.restartServer();
    await page.locator('.live-sign', { hasText: 'Live' }).waitFor();
    await page.getByText('The list cannot be read now').waitFor({ state: 'detached' });
  });
});
