import pg from 'pg';
import { createDatabase, createEmptyDatabase, Server } from './support/server.js';
import { agent, delay, ids, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

/** Adds the frames of one connection to `seen` when the connection has ended. */
async function collect(watch: Watch, seen: Watch['frames']): Promise<void> {
  await watch.until((now) => now.ended, 60_000).catch(() => undefined);
  seen.push(...watch.frames);
}

describe('an execution whose process crashes or stops', () => {
  it('continues over ten kill -9 at random moments, without a hole and without running completed nodes again', async () => {
    const settings = { DATABASE_URL: await createDatabase(), DISPATCH_POLL_INTERVAL_MS: '200' };
    let server = await Server.start(settings);
    const nodes = [
      agent('a', { chunks: 60, delayMs: 10 }),
      agent('b', { chunks: 80, delayMs: 10 }),
      delay('c', 300),
      agent('d', { chunks: 60, delayMs: 10 }),
      { id: 'e', type: 'transform', data: { config: { expression: 'nodes.c.output' } } },
      agent('f', { chunks: 60, delayMs: 10 }),
    ];
    const edges: [string, string][] = [
      ['a', 'c'],
      ['b', 'd'],
      ['c', 'e'],
      ['d', 'f'],
      ['e', 'f'],
    ];
    const id = await server.startExecution(start(nodes, edges));
    const seen: Watch['frames'] = [];
    for (let kills = 0; ;) {
      const watch = new Watch(server.url, pathOf(id), { 'last-event-id': String(seen.at(-1)?.id ?? '') });
      const collected = collect(watch, seen);
      if (kills < 10) {
        const moment = 150 + Math.random() * 500;
        await Promise.race([new Promise((resolve) => setTimeout(resolve, moment)), collected]);
        await server.kill();
        await collected;
        kills += 1;
        server = await Server.start(settings);
        continue;
      }
      await collected;
      if (TERMINAL.test(seen.at(-1)?.type ?? '')) break;
      if (watch.status !== 200) throw new Error(`the stream answered ${watch.status}`);
    }
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect(body.status).toBe('completed');
    expect(ids(seen)).toEqual(upTo(body.lastSequence));
    expect(seen.filter((frame) => TERMINAL.test(frame.type))).toHaveLength(1);
    const steps = seen.filter((frame) => frame.type === 'execution:step');
    for (const { id: nodeId } of nodes) {
      const own = steps.filter((frame) => frame.data.nodeId === nodeId);
      const completed = own.findIndex((frame) => frame.data.status === 'completed');
      // A node has no event after its completion, and every interrupted attempt has ended as retrying.
      expect(completed).toBe(own.length - 1);
      expect(own.filter((frame) => frame.data.status === 'running')).toHaveLength(
        own.filter((frame) => frame.data.status === 'retrying').length + 1,
      );
    }
    await server.kill('SIGTERM');
  }, 180_000);

  it('is taken over by another process, whose clients miss no event, and refuses a stale owner', async () => {
    const settings = { DATABASE_URL: await createDatabase(), DISPATCH_POLL_INTERVAL_MS: '500' };
    const first = await Server.start(settings);
    const id = await first.startExecution(start([agent('a', { chunks: 1_000, delayMs: 10 })]));
    await new Watch(first.url, pathOf(id)).until((now) => now.frames.length > 5);
    const second = await Server.start(settings);
    const watch = await new Watch(second.url, pathOf(id)).until(
      (now) => now.frames.filter((frame) => frame.type === 'execution:output').length > 50,
    );
    await first.kill();
    await watch.done(60_000);
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(
      watch.frames.filter((frame) => frame.type === 'execution:started').map((frame) => frame.data.attempt),
    ).toEqual([1, 2]);
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');

    const client = new pg.Client({ connectionString: settings.DATABASE_URL });
    await client.connect();
    const append = client.query(`INSERT INTO cloutagent.events VALUES ($1, $2, 'execution:output', '{}')`, [
      id,
      watch.frames.length,
    ]);
    await expect(append).rejects.toMatchObject({ code: '23505' });
    await client.end();
    await second.kill('SIGTERM');
  });

  it('stays with the new owner when its stopped process resumes', async () => {
    const settings = { DATABASE_URL: await createDatabase(), PROCESS_TIMEOUT_MS: '1000' };
    const first = await Server.start(settings);
    const id = await first.startExecution(start([agent('a', { chunks: 900, delayMs: 10 })]));
    await new Watch(first.url, pathOf(id)).until((now) => now.frames.length > 5);
    const second = await Server.start(settings);
    const watch = new Watch(second.url, pathOf(id));
    // Its connections stay open, so the process is silent and not dead.
    first.process.kill('SIGSTOP');
    await watch.until((now) => now.frames.some(({ data }) => data.attempt === 2), 20_000);
    first.process.kill('SIGCONT');
    await watch.done(60_000);
    const started = watch.frames.filter((frame) => frame.type === 'execution:started');
    expect(started.map((frame) => frame.data.attempt)).toEqual([1, 2]);
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    await Promise.all([first.kill('SIGTERM'), second.kill('SIGTERM')]);
  });

  it('does not count a pause towards its time limit, also over a crash during the pause', async () => {
    const settings = { DATABASE_URL: await createDatabase(), DISPATCH_POLL_INTERVAL_MS: '200' };
    const first = await Server.start(settings);
    const id = await first.startExecution(
      start([delay('a', 1_000), delay('b', 1)], [['a', 'b']], { options: { timeoutMs: 5_000 } }),
    );
    const before = await new Watch(first.url, pathOf(id)).until((now) => now.frames.length > 1);
    await first.call('POST', `/api/executions/${id}/pause`);
    await before.until((now) => now.frames.at(-1)!.type === 'execution:paused');
    const since = Date.parse(before.frames.at(-1)!.data.timestamp);
    await first.kill();
    const second = await Server.start(settings);
    const watch = await new Watch(second.url, pathOf(id)).until(
      (now) => now.frames.filter(({ type }) => type === 'execution:paused').length === 2,
    );
    while (Date.now() - since < 5_500) await new Promise((resolve) => setTimeout(resolve, 50));
    await second.call('POST', `/api/executions/${id}/resume`);
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    await second.kill('SIGTERM');
  });

  it('stops in a living process that has lost it', async () => {
    const settings = { DATABASE_URL: await createDatabase() };
    const server = await Server.start(settings);
    const id = await server.startExecution(start([agent('a', { chunks: 300, delayMs: 10 })]));
    const watch = await new Watch(server.url, pathOf(id)).until((now) => now.frames.length > 20);
    // Append like a new owner, so that the next sequence of the old owner is taken.
    const client = new pg.Client({ connectionString: settings.DATABASE_URL });
    await client.connect();
    const foreign = await client.query<{ sequence: number }>(
      `INSERT INTO cloutagent.events
       SELECT $1, n, 'execution:thinking', '{"chunk":"foreign","stepId":"s","nodeId":"a"}'
       FROM generate_series((SELECT max(sequence) + 3 FROM cloutagent.events WHERE execution_id = $1), (SELECT max(sequence) + 3 FROM cloutagent.events WHERE execution_id = $1)) AS n
       RETURNING sequence`,
      [id],
    );
    await client.end();
    await watch.done(60_000);
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    // The owner found the sequence taken, stopped the run, and took the execution over again as a new attempt.
    const started = watch.frames.filter((frame) => frame.type === 'execution:started');
    expect(started.map((frame) => frame.data.attempt)).toEqual([1, 2]);
    expect(started[1]!.id).toBeGreaterThan(foreign.rows[0]!.sequence);
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    await server.kill('SIGTERM');
  });

  it('is requeued on SIGTERM, and its streams end and resume without a hole', async () => {
    const settings = { DATABASE_URL: await createDatabase() };
    const first = await Server.start(settings);
    const id = await first.startExecution(
      start([delay('wait', 500), agent('a', { chunks: 100, delayMs: 10 })], [['wait', 'a']]),
    );
    const watch = await new Watch(first.url, pathOf(id)).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:output'),
    );
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(watch.ended).toBe(true);
    expect(watch.frames.some((frame) => TERMINAL.test(frame.type))).toBe(false);
    const second = await Server.start(settings);
    const rest = await new Watch(second.url, pathOf(id), {
      'last-event-id': String(watch.frames.at(-1)!.id),
    }).done();
    expect(ids([...watch.frames, ...rest.frames])).toEqual(upTo(rest.frames.at(-1)!.id));
    expect(rest.frames.at(-1)!.type).toBe('execution:completed');
    await second.kill('SIGTERM');
  });
});

describe('the limits of an execution', () => {
  it('stop the time during a pause, also if the process dies in it', async () => {
    const settings = { DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' };
    const first = await Server.start(settings);
    const nodes = [agent('a', { chunks: 30, delayMs: 10 })];
    const id = await first.startExecution(start(nodes, [], { options: { timeoutMs: 3_000 } }));
    const watch = await new Watch(first.url, pathOf(id)).until((now) => now.frames.length > 5);
    await first.call('POST', `/api/executions/${id}/pause`);
    await watch.until((now) => now.frames.at(-1)?.type === 'execution:paused');
    const comments = watch.comments;
    await watch.until((now) => now.comments > comments + 16);
    await first.kill();
    const second = await Server.start(settings);
    const rest = await new Watch(second.url, pathOf(id), {
      'last-event-id': String(watch.frames.at(-1)!.id),
    }).until((now) => now.frames.at(-1)?.type === 'execution:paused');
    await second.call('POST', `/api/executions/${id}/resume`);
    await rest.done();
    expect(rest.frames.at(-1)!.type).toBe('execution:completed');
    expect(ids([...watch.frames, ...rest.frames])).toEqual(upTo(rest.frames.at(-1)!.id));
    await second.kill('SIGTERM');
  });

  it('do not count the wait for an approval', async () => {
    const server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HEARTBEAT_INTERVAL_MS: '100',
      NODE_TIMEOUT_MS: '500',
    });
    const nodes = [{ id: 'ask', type: 'approval' }, delay('then', 1)];
    const id = await server.startExecution(
      start(nodes, [['ask', 'then']], { options: { timeoutMs: 1_000 } }),
    );
    const watch = await new Watch(server.url, pathOf(id)).until((now) => now.comments > 15);
    expect((await server.call('POST', `/api/executions/${id}/approve`)).status).toBe(202);
    expect((await watch.done()).frames.at(-1)!.type).toBe('execution:completed');
    await server.kill('SIGTERM');
  });

  it('fail an execution that has killed too many processes, and do not count restarts', async () => {
    const settings = { DATABASE_URL: await createDatabase(), MAX_RECOVERIES_PER_EXECUTION: '2' };
    const [restarted, crashing] = [
      { id: '', seen: 0 },
      { id: '', seen: 0 },
    ];
    const endings = ['SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGKILL', 'SIGKILL'] as const;
    for (const ending of endings) {
      const server = await Server.start(settings);
      restarted.id ||= await server.startExecution(start([agent('a', { hang: true })]));
      if (ending === 'SIGKILL')
        crashing.id ||= await server.startExecution(start([agent('a', { hang: true })]));
      for (const execution of [restarted, crashing]) {
        if (execution.id === '') continue;
        const watch = await new Watch(server.url, pathOf(execution.id), {
          'last-event-id': String(execution.seen || ''),
        }).until((now) => now.frames.at(-1)?.type === 'execution:output');
        execution.seen = watch.frames.at(-1)!.id;
        watch.close();
      }
      await server.kill(ending);
    }
    const server = await Server.start(settings);
    for (const { id, seen } of [restarted, crashing]) {
      const watch = await new Watch(server.url, pathOf(id), { 'last-event-id': String(seen) }).until(
        (now) => now.frames.at(-1)?.type === 'execution:output',
      );
      expect(watch.frames[0]!.type).toBe('execution:started');
      watch.close();
    }
    await server.kill('SIGKILL');
    const last = await Server.start(settings);
    const [first, second] = await Promise.all(
      [restarted.id, crashing.id].map((id) => new Watch(last.url, pathOf(id)).done()),
    );
    expect(first!.frames.at(-1)!.data.code).toBe('too_many_recoveries');
    expect(second!.frames.at(-1)!.data.code).toBe('too_many_recoveries');
    expect(first!.frames.filter((frame) => frame.type === 'execution:started')).toHaveLength(7);
    expect(second!.frames.filter((frame) => frame.type === 'execution:started')).toHaveLength(4);
    await last.kill('SIGTERM');
  });
});

describe('several processes', () => {
  it('start together on an empty database, and each of them can control an execution', async () => {
    const settings = { DATABASE_URL: await createEmptyDatabase() };
    const servers = await Promise.all([
      Server.start(settings),
      Server.start(settings),
      Server.start(settings),
    ]);
    const [one, two, three] = servers;
    const id = await one.startExecution(start([agent('a', { hang: true })]));
    const watch = await new Watch(two.url, pathOf(id)).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:output'),
    );
    for (const [server, action] of [
      [two, 'pause'],
      [three, 'resume'],
      [one, 'pause'],
      [two, 'cancel'],
    ] as const) {
      expect((await server.call('POST', `/api/executions/${id}/${action}`)).status).toBe(202);
      const type = { pause: 'execution:paused', resume: 'execution:resumed', cancel: 'execution:cancelled' }[
        action
      ];
      await watch
        .until((now) => now.frames.at(-1)?.type === type, 5_000)
        .catch((error: Error) => {
          if (watch.frames.at(-1)?.type !== type) throw error;
        });
    }
    await watch.done();
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
  });
});
