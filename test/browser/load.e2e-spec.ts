import { MonitorStage } from '../support/monitor-stage.js';
import { agent, start } from '../support/watch.js';

const NODES = ['one', 'two', 'three', 'four'];
const CHUNKS = 5_000;
/** Other processes can delay a task, so a task counts as long only if it is long in every try. */
const TRIES = 3;
const LONG_MS = 500;

describe('<ExecutionMonitor/> with 20,000 output events in 10 seconds', () => {
  const stage = new MonitorStage({}, { production: true });

  const run = async (): Promise<number> => {
    const monitor = await stage.open();
    await monitor.page.evaluate(() => {
      const longest = { ms: 0 };
      Object.assign(globalThis, { longest });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest.ms = Math.max(longest.ms, duration);
      }).observe({ type: 'longtask' });
    });
    const id = await stage.server.startExecution(
      start(NODES.map((node) => agent(node, { chunks: CHUNKS, delayMs: 1 }))),
    );
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('completed', 60_000);
    const longest = await monitor.page.evaluate(
      () => (globalThis as unknown as { longest: { ms: number } }).longest.ms,
    );

    const { body } = await stage.server.call('GET', `/api/executions/${id}`);
    expect(body.lastSequence).toBeGreaterThan(NODES.length * CHUNKS);
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.page.waitForSelector('.watched:has-text("closed")');
    const outputs = await monitor.read('outputs');
    for (const node of NODES) expect(outputs[node]).toBe((body.output as Record<string, string>)[node]);

    // Neither the DOM nor the memory grows with the number of events.
    expect(await monitor.page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(1_000);
    const session = await monitor.open.context.newCDPSession(monitor.page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    expect(usedSize).toBeLessThan(50 * 1_048_576);
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
    return longest;
  };

  it('has no long task, a bounded page and the complete text', async () => {
    const longest: number[] = [];
    while (longest.length < TRIES && !longest.some((ms) => ms <= LONG_MS)) longest.push(await run());
    expect(Math.min(...longest)).toBeLessThanOrEqual(LONG_MS);
  }, 240_000);
});
