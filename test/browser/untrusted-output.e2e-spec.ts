import { MonitorStage } from '../support/monitor-stage.js';
import { agent, start, Watch } from '../support/watch.js';

const HOSTILE = [
  '<img src=x onerror="globalThis.hacked = 1">',
  '<script>globalThis.hacked = 1</script></pre></div>',
  '[click](javascript:globalThis.hacked=1) javascript:globalThis.hacked=1',
  '\u001b[31mred\u001b[0m \u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007',
  'invoice\u202efdp.exe \u2066isolated\u2069 \u200fשלום',
  '&lt;b&gt; {{constructor.constructor("globalThis.hacked=1")()}}',
];

/** Characters that change the writing direction, and characters without width. */
const INVISIBLE = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/;

describe('Untrusted model output', () => {
  const stage = new MonitorStage();

  it('is shown as text only', async () => {
    const text = HOSTILE.join('\n');
    const id = await stage.server.startExecution(
      start([
        agent('writer', { text, delayMs: 0, chunks: 50 }),
        agent('tool', { text, delayMs: 0, chunks: 3 }),
      ]),
    );
    const monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.status('completed');
    for (const summary of await monitor.page.locator('summary', { hasText: 'Result' }).all())
      await summary.click();
    const shown = (await monitor.page.locator('[aria-label="output of writer"]').textContent()) ?? '';
    for (const line of [HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[5]]) expect(shown).toContain(line);
    expect(shown).toContain('␛[31mred␛[0m');
    expect(shown).toContain('invoice⟨RLO⟩fdp.exe ⟨LRI⟩isolated⟨PDI⟩ ⟨RLM⟩שלום');
    expect(await monitor.page.locator('#root').textContent()).not.toMatch(INVISIBLE);
    expect((await monitor.read('outputs'))['writer']).toBe(text);
    expect(await monitor.page.locator('#root img, #root script, #root a, #root iframe').count()).toBe(0);
    expect(await monitor.page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
  });

  it('a line of a million characters wraps, and can be copied completely', async () => {
    const text = `${'x'.repeat(999_990)} the end`;
    const id = await stage.server.startExecution(start([agent('writer', { text, delayMs: 0, chunks: 500 })]));
    await new Watch(stage.server.url, `/api/executions/${id}/stream`).done();
    const monitor = await stage.open({
      viewport: { width: 360, height: 740 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('completed');
    const pane = monitor.page.locator('[aria-label="output of writer"]');
    const { wide, mounted, top } = await pane.evaluate((node) => ({
      wide: node.scrollWidth > node.clientWidth,
      mounted: node.textContent?.length ?? 0,
      top: node.scrollTop,
    }));
    expect(wide).toBe(false);
    expect(mounted).toBeLessThan(250_000);
    expect(top).toBe(0);
    await monitor.page.getByRole('button', { name: 'Copy output of writer' }).click();
    await monitor.page.waitForSelector('text=Copied');
    expect(await monitor.page.evaluate(() => navigator.clipboard.readText())).toBe(text);
    await monitor.button('Show later text').click();
    await monitor.page.waitForFunction(
      (length) => document.querySelector('[aria-label="output of writer"]')?.textContent?.length === length,
      text.length,
    );
    expect(await pane.textContent()).toBe(text);
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
  });
});
