import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';
import { DashboardStage } from '../support/dashboard-stage.js';
import { delay, start, Watch } from '../support/watch.js';

interface DrawnEdge {
  /** Beginning and end, relative to the node there: 0 is its left or upper side, 1 the opposite side. */
  start: { x: number; y: number };
  end: { x: number; y: number };
  /** Nodes that the edge crosses, without its source and target. */
  over: string[];
}

/** Measures the edges on the screen, in the order of the workflow. */
const drawn = (page: Page, edges: readonly [string, string][]): Promise<DrawnEdge[]> =>
  page.evaluate((pairs) => {
    const boxes = new Map(
      [...document.querySelectorAll<HTMLElement>('.react-flow__node')].map((node) => [
        node.dataset['id']!,
        node.getBoundingClientRect(),
      ]),
    );
    return pairs.map(([source, target], index) => {
      const path = document.querySelector<SVGPathElement>(`[data-id="${index}"] .react-flow__edge-path`)!;
      const matrix = path.getScreenCTM()!;
      const at = (length: number) => path.getPointAtLength(length).matrixTransform(matrix);
      const whole = path.getTotalLength();
      const seenFrom = (id: string, { x, y }: DOMPoint) => {
        const box = boxes.get(id)!;
        return { x: (x - box.left) / box.width, y: (y - box.top) / box.height };
      };
      const over = new Set<string>();
      for (let length = 0; length <= whole; length += 2) {
        const { x, y } = at(length);
        for (const [id, { left, right, top, bottom }] of boxes)
          if (id !== source && id !== target && x > left && x < right && y > top && y < bottom) over.add(id);
      }
      return { start: seenFrom(source, at(0)), end: seenFrom(target, at(whole)), over: [...over] };
    });
  }, edges);

describe('Dashboard: graph', () => {
  const stage = new DashboardStage({ RETRY_BASE_MS: '1' });
  const EDGES: [string, string][] = [
    ['one', 'two'],
    ['two', 'three'],
    ['three', 'four'],
    ['one', 'three'],
    ['one', 'four'],
  ];

  it('attaches edges to the correct sides of nodes, also after the window width crossed 640 px, and routes none over a node', async () => {
    const nodes = ['one', 'two', 'three', 'four'].map((id) => delay(id, 1));
    const id = await stage.server.startExecution(start(nodes, EDGES));
    const dashboard = await stage.signIn(`/executions/${id}`, { viewport: { width: 1280, height: 800 } });
    const { page } = dashboard;
    /** Ends of the edges and number of crossed nodes. Rounded, because the graph moves by fractions of a pixel. */
    const seen = async () =>
      (await drawn(page, EDGES)).map(({ start: from, end: to, over }) =>
        [from.x, from.y, to.x, to.y].map((part) => Math.abs(Math.round(part * 10) / 10)).concat(over.length),
      );
    const attached = async ({ start: from, end: to }: Record<'start' | 'end', { x: number; y: number }>) => {
      await dashboard.node('four', 'completed');
      await page.waitForFunction(() => document.querySelectorAll('.react-flow__edge-path').length === 5);
      const right = EDGES.map(() => [from.x, from.y, to.x, to.y, 0]);
      // React Flow positions and measures the nodes before it draws the edges.
      const deadline = Date.now() + 10_000;
      while (!isDeepStrictEqual(await seen(), right) && Date.now() < deadline);
      expect(await seen()).toEqual(right);
    };
    const across = { start: { x: 1, y: 0.5 }, end: { x: 0, y: 0.5 } };
    const down = { start: { x: 0.5, y: 1 }, end: { x: 0.5, y: 0 } };
    await attached(across);
    await page.setViewportSize({ width: 600, height: 800 });
    await attached(down);
    await page.setViewportSize({ width: 1280, height: 800 });
    await attached(across);
  });

  it('does not say that a node will start when the execution has ended', async () => {
    const bad = { id: 'bad', type: 'transform', data: { config: { expression: '$error("no")' } } };
    const failed = await stage.server.startExecution(start([bad, delay('after', 1)], [['bad', 'after']]));
    const dashboard = await stage.signIn(`/executions/${failed}?node=after`);
    const { page } = dashboard;
    const panel = page.getByRole('region', { name: 'Node after' });
    await panel.getByText('This node did not start because the execution failed first.').waitFor();
    await page.locator('.step-node', { hasText: 'after' }).getByText('did not run').waitFor();
    const live = await stage.server.startExecution(
      start([delay('long', 600_000), delay('after', 1)], [['long', 'after']]),
    );
    await dashboard.goto(`/executions/${live}?node=after`);
    await panel.getByText('This node starts when the nodes before it have completed.').waitFor();
    await dashboard.button('Cancel').click();
    await dashboard.button('Yes, cancel it').click();
    await panel.getByText('This node did not start because the execution was cancelled first.').waitFor();
    await dashboard.node('long', 'cancelled');
  });

  it('keeps the selection in the address, and clears it on Escape', async () => {
    const id = await stage.server.startExecution(start([delay('one', 1), delay('two', 1)], [['one', 'two']]));
    const dashboard = await stage.signIn(`/executions/${id}`);
    const { page } = dashboard;
    await dashboard.status('completed');
    await page.locator('.step-node', { hasText: 'two' }).click();
    const panel = page.getByRole('region', { name: 'Node two' });
    await panel.waitFor();
    const query = () => new URL(page.url()).search;
    expect(query()).toBe('?node=two');
    await page.locator('.event-row', { hasText: 'started' }).first().click();
    await page.locator('.event-detail', { hasText: 'Event 1' }).waitFor();
    expect(query()).toBe('?node=two&event=1');
    await page.reload();
    await panel.waitFor();
    await page.locator('.event-detail', { hasText: 'Event 1' }).waitFor();
    // Escape closes the part that was opened last.
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(await panel.count()).toBe(0);
    expect(await page.locator('.event-detail').count()).toBe(0);
    expect(query()).toBe('');
    await page.locator('.step-node', { hasText: 'one' }).click();
    await page.getByRole('region', { name: 'Node one' }).waitFor();
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => (document.activeElement as HTMLElement).dataset['id'] === 'one');
    // A selection adds no entry to the history.
    await page.getByRole('link', { name: 'Executions', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Executions' }).waitFor();
    await page.goBack();
    await dashboard.status('completed');
    expect(query()).toBe('');
    await dashboard.goto(`/executions/${id}?node=none&event=999999`);
    await dashboard.status('completed');
    expect(await page.locator('.node-panel, .event-detail').count()).toBe(0);
  });

  it('shows the name of the person who approved or rejected', async () => {
    const approver = await stage.makeKey('Ann of legal', ['executions:read', 'executions:control']);
    const ask = (id: string) => ({ id, type: 'approval', data: { config: {} } });
    const answer = async (approved: boolean): Promise<string> => {
      const id = await stage.server.startExecution(
        start([ask('sign-off'), delay('rest', 1)], [['sign-off', 'rest']]),
      );
      const events = new Watch(stage.server.url, `/api/executions/${id}/stream`);
      await events.until(({ frames }) => frames.some(({ data }) => data.nodeId === 'sign-off'));
      const as = { authorization: `Bearer ${approver}` };
      await stage.server.call('POST', `/api/executions/${id}/approve`, { approved, comment: 'Page 2.' }, as);
      await events.done();
      return id;
    };
    const [yes, no] = [await answer(true), await answer(false)];
    const dashboard = await stage.signIn(`/executions/${yes}?node=sign-off`);
    const { page } = dashboard;
    const panel = page.getByRole('region', { name: 'Node sign-off' });
    await panel.getByText('Approved by Ann of legal: Page 2.').waitFor();
    await page.locator('.ca-step', { hasText: 'Approved by Ann of legal: Page 2.' }).waitFor();
    await dashboard.goto(`/executions/${no}?node=sign-off`);
    await page.locator('.ca-error', { hasText: 'Ann of legal did not approve: Page 2.' }).first().waitFor();
    await panel.getByText('Ann of legal did not approve: Page 2.').waitFor();
    expect(await page.locator('.ca-monitor').innerText()).not.toContain('key:');
    await page.locator('.event-row', { hasText: 'Ann of legal did not approve' }).first().waitFor();
    // A key that may not list keys still knows its own name.
    const own = await stage.signIn(`/executions/${yes}?node=sign-off`, { key: approver });
    await own.page
      .getByRole('region', { name: 'Node sign-off' })
      .getByText('Approved by Ann of legal')
      .waitFor();
  });
});
