import { createDatabase, Server } from './support/server.js';
import { SeverableLink } from './support/severable-link.js';
import { agent, delay, ids, start, upTo, Watch } from './support/watch.js';

describe('an outage of the database', () => {
  it('makes requests answer 503, is logged, and every execution continues after it without losing events', async () => {
    const url = new URL(await createDatabase());
    const link = await SeverableLink.to(Number(url.port));
    url.port = String(link.port);
    const server = await Server.start({ DATABASE_URL: url.href, DISPATCH_POLL_INTERVAL_MS: '200' });
    const running = await server.startExecution(start([agent('a', { chunks: 300, delayMs: 10 })]));
    const paused = await server.startExecution(start([delay('a', 2_000), delay('b', 1)], [['a', 'b']]));
    await server.call('POST', `/api/executions/${paused}/pause`);
    const watches = [running, paused].map((id) => new Watch(server.url, `/api/executions/${id}/stream`));
    await watches[0]!.until((now) => now.frames.length > 10);
    await watches[1]!.until((now) => now.frames.at(-1)?.type === 'execution:paused');
    link.cut();
    for (const path of ['/api/executions', `/api/executions/${running}`, '/health/ready']) {
      const answer = await server.call('GET', path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    link.restore();
    while ((await server.call('POST', `/api/executions/${paused}/resume`)).status === 503);
    for (const watch of watches) {
      await watch.done(60_000);
      expect(watch.frames.at(-1)!.type).toBe('execution:completed');
      expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    }
    expect(server.output()).toMatch(/GET \/api\/executions failed \{ requestId: '[\w-]{36}' \}/);
    expect(await server.kill('SIGTERM')).toBe(0);
    link.close();
  });
});
