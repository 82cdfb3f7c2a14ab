import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

describe('the limit of running executions', () => {
  const hanging = agent('a', { hang: true });
  const streamOf = (server: Server, id: string) => new Watch(server.url, `/api/executions/${id}/stream`);
  const running = (server: Server, id: string) =>
    streamOf(server, id).until((now) => now.frames.some((frame) => frame.type === 'execution:output'));

  it.each(['MAX_EXECUTIONS_PER_PROJECT', 'MAX_EXECUTIONS_PER_PROCESS'])(
    'queues executions above %s in order, and cancels a queued one at once',
    async (limit) => {
      const server = await Server.start({ DATABASE_URL: await createDatabase(), [limit]: '1' });
      const first = await server.startExecution(start([hanging]));
      const watch = await running(server, first);
      const rest = [
        await server.startExecution(start([delay('d', 1)])),
        await server.startExecution(start([delay('d', 1)])),
        await server.startExecution(start([delay('d', 1)])),
      ];
      const [second, third, fourth] = rest as [string, string, string];
      const cancelled = await server.call('POST', `/api/executions/${third}/cancel`);
      expect(cancelled.body.status).toBe('cancelled');
      expect((await server.call('GET', `/api/executions/${second}`)).body.status).toBe('queued');
      await server.call('POST', `/api/executions/${first}/cancel`);
      await watch.done();
      const ends = await Promise.all([second, fourth].map((id) => streamOf(server, id).done()));
      const [secondAt, fourthAt] = ends.map(({ frames }) => Date.parse(frames[0]!.data.timestamp)) as [
        number,
        number,
      ];
      expect(ends.map(({ frames }) => frames.at(-1)!.type)).toEqual([
        'execution:completed',
        'execution:completed',
      ]);
      expect(fourthAt).toBeGreaterThanOrEqual(secondAt);
      await server.kill('SIGTERM');
    },
    60_000,
  );

  it('does not count paused executions and those that wait for an approval, which continue at once', async () => {
    const settings = {
      DATABASE_URL: await createDatabase(),
      MAX_EXECUTIONS_PER_PROJECT: '1',
      MAX_EXECUTIONS_PER_PROCESS: '1',
      // An execution that has left memory needs a free slot to continue.
      PARK_TIMEOUT_MS: '60000',
    };
    const first = await Server.start(settings);
    const asking = await first.startExecution(
      start([{ id: 'ask', type: 'approval' }, delay('d', 1)], [['ask', 'd']]),
    );
    const paused = await first.startExecution(start([agent('a', { chunks: 50, delayMs: 10 })]));
    await running(first, paused);
    await first.call('POST', `/api/executions/${paused}/pause`);
    const other = await first.startExecution(start([delay('d', 1)]));
    expect((await streamOf(first, other).done()).frames.at(-1)!.type).toBe('execution:completed');

    // After a crash they wait still. A long-running execution in the only slot does not keep them from continuing.
    await first.kill();
    const second = await Server.start(settings);
    const statusOf = async (id: string) => (await second.call('GET', `/api/executions/${id}`)).body.status;
    await streamOf(second, paused).until(
      (now) => now.frames.filter((frame) => frame.type === 'execution:paused').length === 2,
    );
    await streamOf(second, asking).until(
      (now) => now.frames.filter((frame) => frame.type === 'execution:started').length === 2,
    );
    expect(await statusOf(asking)).toBe('waiting');
    const busy = await second.startExecution(start([hanging]));
    await running(second, busy);
    await second.call('POST', `/api/executions/${asking}/approve`);
    await second.call('POST', `/api/executions/${paused}/resume`);
    for (const id of [asking, paused])
      expect((await streamOf(second, id).done()).frames.at(-1)!.type).toBe('execution:completed');
    expect(await statusOf(busy)).toBe('running');
    await second.kill('SIGTERM');
  });

  it('permits an immediate cancel of a requeued execution that waits for a slot', async () => {
    const settings = { DATABASE_URL: await createDatabase(), MAX_EXECUTIONS_PER_PROJECT: '2' };
    const first = await Server.start(settings);
    const begun = [
      await first.startExecution(start([hanging])),
      await first.startExecution(start([hanging])),
    ];
    const watches = await Promise.all(begun.map((id) => running(first, id)));
    await first.kill('SIGTERM');
    const second = await Server.start({ ...settings, MAX_EXECUTIONS_PER_PROJECT: '1' });
    const taken = await Promise.race(begun.map(async (id, index) => (await startedAgain(second, id), index)));
    const waiting = begun[1 - taken]!;
    const { body } = await second.call('POST', `/api/executions/${waiting}/cancel`);
    expect(body).toMatchObject({ status: 'cancelled', steps: [{ status: 'cancelled' }] });
    const { frames } = await streamOf(second, waiting).done();
    const before = watches[1 - taken]!.frames;
    expect(frames.slice(0, before.length)).toEqual(before);
    expect(frames.slice(before.length).map((frame) => frame.type)).toEqual([
      'execution:step',
      'execution:cancelled',
    ]);
    await second.kill('SIGTERM');
  });

  const startedAgain = (server: Server, id: string) =>
    streamOf(server, id).until(
      (now) => now.frames.filter((frame) => frame.type === 'execution:started').length === 2,
    );
});
