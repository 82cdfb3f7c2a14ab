import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { agent, delay, start } from '../support/watch.js';

describe('useExecutions', () => {
  const stage = new MonitorStage();
  let monitor: MonitorPage;

  afterEach(async () => {
    await monitor.open.close();
  });

  const row = (id: string, status: string) =>
    monitor.page.waitForSelector(`.listed:has-text("${id} ${status}")`);

  it('lists executions, and keeps existing and new ones up to date', async () => {
    const long = await stage.server.startExecution(start([delay('long', 60_000)]));
    monitor = await stage.open();
    await monitor.show({ monitors: [], listed: { projectId: 'demo' } });
    await row(long, 'waiting');
    const short = await stage.server.startExecution(start([agent('writer', { chunks: 20, delayMs: 0 })]));
    await row(short, 'completed');
    await stage.server.call('POST', `/api/executions/${long}/cancel`);
    await row(long, 'cancelled');
    const ids = await monitor.page.locator('.listed').allTextContents();
    expect(ids.map((text) => text.split(' ')[0])).toEqual([short, long]);
    const { body } = await stage.server.call('GET', `/api/executions/${short}`);
    expect(ids[0]).toBe(`${short} completed ${body.lastSequence}`);
  });

  it('removes an execution that no longer matches the filter', async () => {
    const id = await stage.server.startExecution(start([agent('long', { chunks: 1_000, delayMs: 1_000 })]));
    monitor = await stage.open();
    await monitor.show({ monitors: [], listed: { projectId: 'demo', status: 'running' } });
    await row(id, 'running');
    await stage.server.call('POST', `/api/executions/${id}/cancel`);
    await monitor.page.waitForSelector(`.listed:has-text("${id}")`, { state: 'detached' });
  });
});
