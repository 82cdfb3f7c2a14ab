import type { Page } from 'playwright-core';
import { DashboardStage } from '../support/dashboard-stage.js';
import { delay, start } from '../support/watch.js';

interface DrawnEdge {
  /** Where it begins and ends, as seen from the node there: 0 is its left or upper side, 1 the other. */
  start: { x: number; y: number };
  end: { x: number; y: number };
  /** Nodes that it runs over, its own two left out. */
  over: string[];
}

/** The edges as they are on the screen, in the order of the workflow. */
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

describe('The graph of the dashboard', () => {
  const stage = new DashboardStage({ RETRY_BASE_MS: '1' });
  const EDGES: [string, string][] = [
    ['one', 'two'],
    ['two', 'three'],
    ['three', 'four'],
    ['one', 'three'],
    ['one', 'four'],
  ];

  it('attaches edges to the right sides of nodes, also after the window crossed 640 px, and leads none over a node', async () => {
    const nodes = ['one', 'two', 'three', 'four'].map((id) => delay(id, 1));
    const id = await stage.server.startExecution(start(nodes, EDGES));
    const dashboard = await stage.signIn(`/executions/${id}`, { viewport: { width: 1280, height: 800 } });
    const { page } = dashboard;
    const attached = async (sides: { start: object; end: object }) => {
      await dashboard.node('four', 'completed');
      await page.waitForFunction(() => document.querySelectorAll('.react-flow__edge-path').length === 5);
      for (const edge of await drawn(page, EDGES)) {
        for (const end of ['start', 'end'] as const)
          for (const axis of ['x', 'y'] as const)
            expect(edge[end][axis]).toBeCloseTo((sides[end] as Record<string, number>)[axis]!, 0.5);
        expect(edge.over).toEqual([]);
      }
    };
    const across = { start: { x: 1, y: 0.5 }, end: { x: 0, y: 0.5 } };
    const down = { start: { x: 0.5, y: 1 }, end: { x: 0.5, y: 0 } };
    await attached(across);
    await page.setViewportSize({ width: 600, height: 800 });
    await attached(down);
    await page.setViewportSize({ width: 1280, height: 800 });
    await attached(across);
  });
});
