import { seriousFindings } from '../support/accessibility.js';
import type { MonitorPage } from '../support/monitor-page.js';
import { MonitorStage } from '../support/monitor-stage.js';
import { agent, delay, start, Watch } from '../support/watch.js';

describe('<ExecutionMonitor/> in a browser', () => {
  const stage = new MonitorStage({ RETRY_BASE_MS: '100' });
  let monitor: MonitorPage;

  afterEach(async () => {
    expect(monitor.open.problems).toEqual([]);
    await monitor.open.close();
    await monitor.open.until(() => stage.site.openStreams === 0);
  });

  const approval = { id: 'boss', type: 'approval', data: { config: { message: 'Publish it?' } } };
  const output = async (id: string, nodeId: string): Promise<string> => {
    const { body } = await stage.server.call('GET', `/api/executions/${id}/events?limit=1000`);
    return (body.events as { type: string; nodeId: string; chunk: string }[])
      .filter((event) => event.type === 'execution:output' && event.nodeId === nodeId)
      .map(({ chunk }) => chunk)
      .join('');
  };

  it('can be used by keyboard: pause, resume, comment and approve', async () => {
    const id = await stage.server.startExecution(
      start([agent('writer', { chunks: 100, delayMs: 20, thinking: 5 }), approval], [['writer', 'boss']]),
    );
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('running');
    const pause = monitor.button('Pause');
    await pause.focus();
    await monitor.page.keyboard.press('Enter');
    await monitor.status('paused');
    // The pressed button has become the opposite action and keeps the focus.
    const resume = monitor.button('Resume');
    expect(await resume.evaluate((button) => button === document.activeElement)).toBe(true);
    await monitor.page.keyboard.press('Enter');
    await monitor.page.getByRole('textbox').fill('  looks good ');
    expect(await monitor.page.locator('.ca-wait-approval').innerText()).toContain('Publish it?');
    await monitor.button('Approve').press('Space');
    await monitor.status('completed');
    await monitor.page.waitForSelector('.ca-visually-hidden:text("Execution completed.")', {
      state: 'attached',
    });
    const { body } = await stage.server.call('GET', `/api/executions/${id}`);
    expect(body.output).toMatchObject({ approved: true, comment: 'looks good' });
    expect(await monitor.page.locator('.ca-text').first().textContent()).toBe(await output(id, 'writer'));
    const bar = monitor.page.getByRole('progressbar', { name: 'Progress' });
    expect(await bar.getAttribute('aria-valuenow')).toBe('100');
  });

  it('accepts the next action before the server has answered the previous one, and follows actions of others', async () => {
    const id = await stage.server.startExecution(start([delay('long', 60_000)]));
    monitor = await stage.open();
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await monitor.page.route('**/pause', async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    });
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('waiting');
    await monitor.button('Pause').click();
    await monitor.status('paused');
    await monitor.button('Resume').click();
    await monitor.status('waiting');
    answer();
    await monitor.button('Pause').click();
    await monitor.status('paused');
    expect(await stage.server.call('POST', `/api/executions/${id}/resume`)).toMatchObject({ status: 202 });
    await monitor.status('waiting');
    await monitor.button('Pause').click();
    await monitor.status('paused');
    await monitor.button('Cancel').click();
    await monitor.button('Yes, cancel it').click();
    await monitor.status('cancelled');
  });

  it('shows the error of an action until it no longer applies', async () => {
    const id = await stage.server.startExecution(start([delay('long', 60_000)]));
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('waiting');
    const error = monitor.page.locator('.ca-error');
    // The server cannot be reached. The error disappears when the connection is back.
    stage.site.cut();
    await monitor.page.waitForSelector('[data-connection=waiting]');
    await monitor.button('Pause').click();
    await error.waitFor();
    stage.site.restore();
    await monitor.page.waitForSelector('[data-connection=open]');
    await error.waitFor({ state: 'detached' });
    // The server refuses the action. The error disappears when the status changes.
    const problem = { status: 409, code: 'execution_cancelling', title: 'Conflict', detail: 'Not now.' };
    await monitor.page.route('**/pause', (route) =>
      route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
    );
    await monitor.button('Pause').click();
    await error.getByText('Not now.').waitFor();
    await stage.server.call('POST', `/api/executions/${id}/pause`);
    await monitor.status('paused');
    await error.waitFor({ state: 'detached' });
    // The user dismisses the error.
    await stage.server.call('POST', `/api/executions/${id}/resume`);
    await monitor.status('waiting');
    await monitor.button('Pause').click();
    await monitor.button('Dismiss').click();
    expect(await error.count()).toBe(0);
    await stage.server.call('POST', `/api/executions/${id}/cancel`);
    await monitor.status('cancelled');
    // The browser logs the cut connections and refused requests.
    monitor.open.problems.splice(0);
  });

  it('opens a finished text at its beginning, and follows a growing one', async () => {
    // Long enough that the beginning and the end cannot be visible at once.
    const text = Array.from({ length: 20_000 }, (_unused, n) => `line ${n}`).join('\n');
    const finished = await stage.server.startExecution(
      start([agent('writer', { text, chunks: 50, delayMs: 0 })]),
    );
    await new Watch(stage.server.url, `/api/executions/${finished}/stream`).done();
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: finished }] });
    await monitor.status('completed');
    const pane = monitor.page.getByLabel('output of writer', { exact: true });
    const position = () =>
      pane.evaluate((node) => ({
        top: node.scrollTop,
        fromEnd: Math.round(node.scrollHeight - node.scrollTop - node.clientHeight),
        mounted: node.textContent?.length ?? 0,
      }));
    await pane.getByText('line 0', { exact: false }).first().waitFor();
    expect((await position()).top).toBe(0);
    expect((await position()).mounted).toBeLessThan(150_000);
    await monitor.button('Go to the end').click();
    await pane.getByText('line 19999').waitFor();
    expect((await position()).fromEnd).toBeLessThan(8);

    const long = await stage.server.startExecution(
      start([agent('writer', { text, chunks: 2_000, delayMs: 10 }), delay('rest', 60_000)]),
    );
    await new Watch(stage.server.url, `/api/executions/${long}/stream`).until(
      ({ frames }) => frames.length > 100,
    );
    await monitor.show({ monitors: [{ executionId: long }] });
    await monitor.page.waitForFunction(() => {
      const node = document.querySelector('[aria-label="output of writer"]');
      return node && node.scrollTop > 1_000 && node.scrollHeight - node.scrollTop - node.clientHeight < 8;
    });
    // After the user has scrolled up, the visible text stays in place.
    await pane.evaluate((node) => (node.scrollTop = 500));
    await monitor.button('Follow the end').waitFor();
    const before = (await position()).fromEnd;
    await monitor.page.waitForFunction((fromEnd) => {
      const node = document.querySelector('[aria-label="output of writer"]')!;
      return node.scrollHeight - node.scrollTop - node.clientHeight > fromEnd + 1_000;
    }, before);
    expect((await position()).top).toBe(500);
    await stage.server.call('POST', `/api/executions/${long}/cancel`);
    await monitor.status('cancelled');
  });

  it('renders at most once per animation frame, however fast events arrive', async () => {
    monitor = await stage.open();
    const id = await stage.server.startExecution(start([agent('writer', { chunks: 3_000, delayMs: 0 })]));
    await monitor.show({ monitors: [{ executionId: id }], strict: false });
    await monitor.status('completed');
    const [commits, frames] = [await monitor.read('commits'), await monitor.read('frames')];
    expect(commits).toBeGreaterThan(1);
    // Clocks and announcements add a few renders of their own.
    expect(commits).toBeLessThanOrEqual(frames + 10);
    expect(commits).toBeLessThan(1_500);
  });

  it('asks for confirmation before it cancels', async () => {
    const id = await stage.server.startExecution(start([delay('long', 60_000)]));
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.status('waiting');
    await monitor.button('Cancel').click();
    await monitor.page.keyboard.press('Escape');
    expect(await monitor.button('Yes, cancel it').count()).toBe(0);
    expect(await monitor.button('Cancel').evaluate((button) => button === document.activeElement)).toBe(true);
    await monitor.button('Cancel').click();
    await monitor.button('Yes, cancel it').click();
    await monitor.status('cancelled');
    expect(await monitor.button('Cancel').count()).toBe(0);
  });

  it('shows the failure and every retry, and drops the output of retried attempts', async () => {
    const id = await stage.server.startExecution(
      start([agent('flaky', { chunks: 5, delayMs: 0, failTimes: 2 }), approval], [['flaky', 'boss']]),
    );
    monitor = await stage.open();
    await monitor.show({ monitors: [{ executionId: id }], watched: [id] });
    await monitor.button('Reject').click();
    await monitor.status('failed');
    expect(await monitor.page.locator('.ca-monitor > .ca-error').innerText()).toMatch(
      /boss failed.*did not approve/,
    );
    expect(await monitor.page.locator('summary', { hasText: 'Retries (2)' }).count()).toBe(1);
    const { body } = await stage.server.call('GET', `/api/executions/${id}`);
    const flaky = (body.steps as { nodeId: string; output: string }[]).findLast(
      ({ nodeId }) => nodeId === 'flaky',
    );
    expect((await monitor.read('outputs'))['flaky']).toBe(flaky?.output);
  });

  it('shows an error when the execution does not exist, and does not reconnect', async () => {
    monitor = await stage.open();
    const before = stage.site.streamsOpened;
    await monitor.show({ monitors: [{ executionId: '0199c0de-0000-7000-8000-000000000001' }] });
    await monitor.page.waitForSelector('[data-connection=refused]');
    expect(await monitor.button('Try again').count()).toBe(1);
    expect(stage.site.streamsOpened - before).toBe(1);
    // The browser logs the 404.
    expect(monitor.open.problems.splice(0)).toEqual([expect.stringContaining('404')]);
  });

  it.each(['light', 'dark'] as const)('has no serious axe-core findings in the %s theme', async (theme) => {
    const id = await stage.server.startExecution(
      start(
        [agent('writer', { chunks: 30, delayMs: 0, thinking: 3, failTimes: 1 }), delay('rest', 1), approval],
        [
          ['writer', 'boss'],
          ['rest', 'boss'],
        ],
      ),
    );
    monitor = await stage.open({
      colorScheme: theme,
      viewport: { width: 360, height: 740 },
    });
    await monitor.show({ monitors: [{ executionId: id }] });
    await monitor.page.getByRole('textbox').waitFor();
    const folded = monitor.page.locator('details:not([open]) > summary');
    while ((await folded.count()) > 0) await folded.first().click();
    await monitor.button('Cancel').click();
    expect(await seriousFindings(monitor.page)).toEqual([]);
    const overflow = await monitor.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await monitor.button('Keep it running').click();
    await monitor.button('Approve').click();
    await monitor.status('completed');
    expect(await seriousFindings(monitor.page)).toEqual([]);
  });

  it('prefers the theme of data-theme to the system’s', async () => {
    const id = await stage.server.startExecution(start([delay('rest', 1)]));
    monitor = await stage.open({ colorScheme: 'light' });
    await monitor.show({ monitors: [{ executionId: id, theme: 'dark' }] });
    await monitor.status('completed');
    const background = await monitor.page
      .locator('.ca-monitor')
      .evaluate((node) => getComputedStyle(node).backgroundColor);
    expect(background).toBe('rgb(21, 24, 30)');
    expect(await seriousFindings(monitor.page)).toEqual([]);
  });
});
