import { approval, sequences } from './support/multi-stream.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

describe('access to a stream of many executions', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), MULTI_STREAM_MAX_IDS: '5' });
  });
  afterAll(() => server.kill('SIGTERM'));

  const project = (name: string, nodes: object[], more: object = {}) =>
    server.startExecution({ ...start(nodes, [], more), projectId: name });
  const createKey = async (projectId: string) => {
    const request = { name: 'k', projects: [projectId], scopes: ['executions:read'] };
    const { key, id } = (await server.call('POST', '/api/keys', request)).body;
    return { id, caller: { authorization: `Bearer ${key}` } };
  };
  const refusals =
    (caller: Record<string, string>) =>
    async (query: string, status: number, code: string, headers: Record<string, string> = {}) => {
      const all = { ...caller, ...headers };
      const answer = await server.call('GET', `/api/executions/stream${query}`, undefined, all);
      expect(answer).toMatchObject({ status, body: { code } });
    };

  it('refuses executions and projects of others, and invalid queries', async () => {
    const mine = await project('mine', [approval]);
    const theirs = await project('theirs', [approval]);
    const refused = refusals((await createKey('mine')).caller);
    await refused('?projectId=theirs', 404, 'not_found');
    await refused(`?executionIds=${theirs}`, 404, 'not_found');
    await refused(`?executionIds=${mine},${theirs}`, 404, 'not_found');
    await refused(`?executionIds=${mine},nonsense`, 404, 'not_found');
    await refused(`?executionIds=${mine}&tag=x`, 400, 'validation_failed');
    await refused('?executionIds=', 400, 'validation_failed');
    await refused('?status=happy', 400, 'validation_failed');
    await refused(`?executionIds[]=${mine}`, 400, 'validation_failed');
    await refused('?types%5B0%5D=execution:step', 400, 'validation_failed');
    await refused('?from=yesterday', 400, 'validation_failed');
    const six = Array.from({ length: 6 }, (_unused, n) => `${mine.slice(0, -1)}${n}`);
    await refused(`?executionIds=${six.join()}`, 400, 'validation_failed');
  });

  it('without a filter sends only the projects of the caller, and refuses invalid cursors', async () => {
    const mine = await project('cursors', [approval]);
    await project('theirs', [approval]);
    const { caller } = await createKey('cursors');
    const refused = refusals(caller);
    const watch = new Watch(server.url, '/api/executions/stream', caller);
    await watch.until((now) => now.frames.length >= 2);
    expect([...sequences(watch.frames).keys()]).toEqual([mine]);
    const { cursor } = watch.frames.at(-1)!;
    watch.close();
    const named = await new Watch(server.url, `/api/executions/stream?executionIds=${mine}`).until(
      (now) => now.frames.length >= 2,
    );
    named.close();
    const bytes = Buffer.from(cursor, 'base64url');
    const invalid = [
      '1',
      'nonsense',
      '*',
      cursor.slice(0, -2),
      `${cursor}AA`,
      `${cursor}=`,
      bytes.toString('base64'),
      Buffer.concat([Buffer.from([9]), bytes.subarray(1)]).toString('base64url'),
      named.frames.at(-1)!.cursor,
      'A'.repeat(10_000),
    ].filter((text) => text !== cursor);
    for (const text of invalid) await refused('', 400, 'invalid_last_event_id', { 'last-event-id': text });
    for (const other of ['?projectId=cursors', '?status=running', '?tag=x', `?executionIds=${mine}`])
      await refused(other, 400, 'invalid_last_event_id', { 'last-event-id': cursor });
    await refused(`?lastEventId=${cursor}x`, 400, 'invalid_last_event_id');
  });

  it('opens with a ticket for the same filter only', async () => {
    const id = await project('tickets', [approval]);
    const issue = async (filter?: object) => {
      const { status, body } = await server.call('POST', '/api/executions/stream-tickets', filter);
      expect(status).toBe(201);
      return body as { ticket: string; url: string };
    };
    const open = (path: string) =>
      fetch(new URL(path, server.url)).then(async (answer) => {
        await answer.body?.cancel();
        return answer.status;
      });
    const first = await issue({ projectId: 'tickets', status: ['running', 'paused'] });
    for (const other of [
      '',
      '?projectId=tickets',
      '?projectId=tickets&status=running',
      `?executionIds=${id}`,
    ])
      expect(await open(`/api/executions/stream${other}${other ? '&' : '?'}ticket=${first.ticket}`)).toBe(
        401,
      );
    expect(await open(`/api/executions/${id}/stream?ticket=${first.ticket}`)).toBe(401);
    // The same filter in another order.
    const same = `/api/executions/stream?status=paused,running&projectId=tickets&ticket=${first.ticket}`;
    expect(await open(same)).toBe(200);
    for (const filter of [
      undefined,
      { tag: 'ä &?' },
      { executionIds: [id.toUpperCase()] },
      { projectId: 'tickets' },
    ])
      expect(await open((await issue(filter)).url)).toBe(200);
    const single = (await server.call('POST', `/api/executions/${id}/stream-tickets`)).body;
    expect(await open(`/api/executions/stream?executionIds=${id}&ticket=${single.ticket}`)).toBe(401);
    const both = await server.call('POST', '/api/executions/stream-tickets', {
      projectId: 'tickets',
      executionIds: [id],
    });
    expect(both.status).toBe(400);
    const { caller } = await createKey('tickets');
    const foreign = await server.call(
      'POST',
      '/api/executions/stream-tickets',
      { projectId: 'mine' },
      caller,
    );
    expect(foreign.status).toBe(404);
  });

  it('ends when its key is revoked', async () => {
    await project('revoked', [approval]);
    const { id, caller } = await createKey('revoked');
    const watch = await new Watch(server.url, '/api/executions/stream', caller).until(
      (now) => now.frames.length > 1,
    );
    await server.call('DELETE', `/api/keys/${id}`);
    await watch.done(10_000);
    expect(watch.status).toBe(200);
    expect((await new Watch(server.url, '/api/executions/stream', caller).done()).status).toBe(401);
  });
});
