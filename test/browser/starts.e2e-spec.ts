import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { agent } from '../support/watch.js';

const workflow = { nodes: [agent('writer', { text: 'Hi there', delayMs: 0 })], edges: [] };

describe.each([18, 19] as const)('useStartExecution and useWorkflows with React %i', (react) => {
  const stage = new MonitorStage({}, { react });
  let monitor: MonitorPage;
  beforeEach(async () => {
    monitor = await stage.open();
  });
  afterEach(() => monitor.open.close());
  const text = (expected: string) => monitor.page.locator('.starter', { hasText: expected }).waitFor();

  it('starts an execution that useExecution follows', async () => {
    const startable = { projectId: 'demo', workflow };
    await monitor.show({ monitors: [], startable });
    await text('none');
    await monitor.button('Start').click();
    await text('completed Hi there');
    await monitor.button('Reset').click();
    await text('none');
    expect(monitor.open.problems).toEqual([]);
  });

  it('starts one execution although the first answer was lost', async () => {
    const tag = `lost-${react}`;
    await monitor.show({ monitors: [], startable: { projectId: 'demo', workflow, tags: [tag] } });
    let lost = false;
    await monitor.page.route('**/api/executions', async (route) => {
      if (lost) return route.continue();
      lost = true;
      await route.fetch();
      await route.abort();
    });
    await monitor.button('Start').click();
    await text('network');
    await monitor.button('Start').click();
    await text('completed');
    await monitor.button('Start').click();
    const first = await monitor.page.locator('.starter').textContent();
    await monitor.page.waitForFunction((before) => {
      const now = document.querySelector('.starter')?.textContent ?? '';
      return now !== before && now.includes('completed');
    }, first);
    const { body } = await stage.server.call('GET', `/api/executions?tag=${tag}`);
    expect(body.executions).toHaveLength(2);
  });

  it('shows why an execution was not started', async () => {
    const startable = { projectId: 'demo', workflowRef: 'unknown' };
    await monitor.show({ monitors: [], startable });
    await monitor.button('Start').click();
    await monitor.page.waitForFunction(
      () => !['none', ''].includes(document.querySelector('.starter')?.textContent ?? ''),
    );
    expect(await monitor.page.locator('.starter').textContent()).not.toContain('completed');
  });

  it('lists saved workflows, with new ones after a refresh, and starts one', async () => {
    const save = (name: string) => stage.server.call('PUT', `/api/workflows/demo/${name}`, { workflow });
    await save('first');
    await monitor.show({
      monitors: [],
      saved: { projectId: 'demo' },
      startable: { projectId: 'demo', workflowRef: 'first' },
    });
    await monitor.page.locator('.saved', { hasText: 'first@1' }).waitFor();
    await save(`second-${react}`);
    await monitor.button('Refresh').click();
    await monitor.page.locator('.saved', { hasText: `second-${react}@1` }).waitFor();
    await monitor.button('Start').click();
    await text('completed Hi there');
    expect(monitor.open.problems).toEqual([]);
  });
});
