import { MonitorStage } from '../support/monitor-stage.js';
import { agent, start } from '../support/watch.js';

describe('@cloutagent/react with React 18', () => {
  const stage = new MonitorStage({}, { react: 18 });

  it('follows an execution, sends an approval, and keeps a list up to date', async () => {
    const id = await stage.server.startExecution(
      start(
        [
          agent('writer', { chunks: 20, delayMs: 5 }),
          { id: 'boss', type: 'approval', data: { config: { message: 'Publish it?' } } },
        ],
        [['writer', 'boss']],
      ),
    );
    const monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }], watched: [id], listed: { projectId: 'demo' } });
    await monitor.button('Approve').click();
    await monitor.status('completed');
    await monitor.page.waitForSelector(`.listed:has-text("${id} completed")`);
    const headings = await monitor.page.locator('.ca-monitor :is(h1,h2,h3)').allInnerTexts();
    expect(headings).toContain('Output');
    expect(await monitor.page.locator('h2.ca-heading').count()).toBe(headings.length);
    expect(await monitor.page.evaluate(() => (globalThis as { react?: string }).react)).toMatch(/^18\./);
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
  });
});
