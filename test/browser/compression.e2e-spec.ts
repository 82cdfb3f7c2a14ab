import { Browser } from '../support/browser.js';
import { eventsIn } from '../support/gzip-watch.js';
import { ADMIN_KEY, createDatabase, Server } from '../support/server.js';
import { agent, pathOf, start } from '../support/watch.js';

const authorization = `Bearer ${ADMIN_KEY}`;

it('a browser reads compressed streams live, with fetch and EventSource', async () => {
  const server = await Server.start({
    DATABASE_URL: await createDatabase(),
    STREAM_COMPRESSION: 'gzip',
    STREAM_COMPRESSION_MIN_BYTES: '100',
  });
  const browser = await Browser.launch();
  try {
    const { page } = await browser.open();
    await page.goto(new URL('/docs-json', server.url).href);
    const id = await server.startExecution(
      start([agent('a', { chunks: 20, delayMs: 1 }), agent('b', { hang: true })], [['a', 'b']]),
    );
    const byFetch = await page.evaluate(
      async ({ path, headers }) => {
        const response = await fetch(path, { headers });
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        let text = '';
        while (!text.includes('"nodeId":"b"')) text += (await reader.read()).value!;
        await reader.cancel();
        return { text, coding: response.headers.get('content-encoding') };
      },
      { path: pathOf(id), headers: { authorization } },
    );
    expect(byFetch.coding).toBe('gzip');
    const { body } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    const answered = page.waitForResponse((response) => response.url().includes('ticket='));
    const byEventSource = page.evaluate(
      (url) =>
        new Promise<string[]>((resolve) => {
          const source = new EventSource(url);
          const got: string[] = [];
          const record = (event: MessageEvent<string>) => {
            got.push(`${event.lastEventId} ${event.type}`);
            if (!event.data.includes('"nodeId":"b"')) return;
            source.close();
            resolve(got);
          };
          for (const type of ['execution:started', 'step:started', 'execution:output', 'step:completed'])
            source.addEventListener(type, record);
        }),
      body.url,
    );
    expect((await (await answered).allHeaders())['content-encoding']).toBe('gzip');
    expect((await byEventSource)[0]).toBe('1 execution:started');
    await server.call('POST', `/api/executions/${id}/cancel`);
    const plain = async (executionId: string) =>
      eventsIn(
        await (
          await fetch(new URL(pathOf(executionId), server.url), {
            headers: { authorization, 'accept-encoding': 'identity' },
          })
        ).text(),
      );
    expect((await plain(id)).startsWith(eventsIn(byFetch.text))).toBe(true);
    const ended = await server.startExecution(start([agent('a', { chunks: 300, delayMs: 0 })]));
    const whole = await page.evaluate(async ({ path, headers }) => (await fetch(path, { headers })).text(), {
      path: pathOf(ended),
      headers: { authorization },
    });
    expect(eventsIn(whole)).toBe(await plain(ended));
  } finally {
    await browser.close();
    await server.kill('SIGTERM');
  }
});
