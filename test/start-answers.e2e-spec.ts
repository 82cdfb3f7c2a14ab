import type { BatchResults, Execution, ValidatedExecution } from '@cloutagent/contract';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_KEY, type Answer, createDatabase, Server } from './support/server.js';
import { agent, TERMINAL, Watch } from './support/watch.js';

const step = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const graph = (expression = 'input') => ({ nodes: [step('t', expression)] });
const approval = { nodes: [{ id: 'ok', type: 'approval' }] };

describe('answers to a start', () => {
  let server: Server;
  /** Runs nothing itself, so that executions which it starts run in the other process. */
  let front: Server;
  let database: string;
  beforeAll(async () => {
    database = await createDatabase();
    server = await Server.start({ DATABASE_URL: database, MAX_PREFER_WAIT_MS: '30000' });
    front = await Server.start({ DATABASE_URL: database, MAX_PREFER_WAIT_MS: '30000' });
  });
  afterAll(async () => {
    await front.kill('SIGTERM');
    await server.kill('SIGTERM');
  });

  const post = (request: object, headers: Record<string, string> = {}, at = server): Promise<Answer> =>
    at.call('POST', '/api/executions', { projectId: 'demo', ...request }, headers);

  const approve = async (id: string): Promise<void> => {
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
    expect((await server.call('POST', `/api/executions/${id}/approve`, {})).status).toBe(202);
    await watch.done();
  };

  describe('with Prefer: wait', () => {
    it.each([
      ['completed', { workflow: graph('"done"') }],
      ['failed', { workflow: graph('$error("no")') }],
    ])('are the ended execution if it %s in time', async (status, request) => {
      for (const at of [server, front]) {
        const answer = await post(request, { prefer: 'wait=20' }, at);
        expect([answer.status, answer.body.status]).toEqual([200, status]);
        expect(answer.headers.get('preference-applied')).toBe('wait=20');
        expect(answer.headers.get('location')).toBe(`/api/executions/${answer.body.id}`);
        expect(answer.body.completedAt).toBeDefined();
      }
    });

    it('are 202 if it takes longer, and the execution goes on', async () => {
      const answer = await post({ workflow: approval }, { prefer: 'wait=1' });
      expect(answer.status).toBe(202);
      expect(answer.headers.get('preference-applied')).toBe('wait=1');
      await approve(answer.body.id);
    });

    it('are bounded by the setting', async () => {
      const answer = await post({ workflow: graph('1') }, { prefer: 'wait=999999' });
      expect(answer.headers.get('preference-applied')).toBe('wait=30');
    });

    it.each(['wait=soon', 'respond-async', 'wait'])('are 202 at once with Prefer: %s', async (prefer) => {
      const answer = await post({ workflow: approval }, { prefer });
      expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, null]);
    });

    it('show an execution that a person cancels from another process', async () => {
      const key = 'cancelled-elsewhere';
      const waiting = post({ workflow: approval }, { prefer: 'wait=25', 'idempotency-key': key });
      const { body } = await post({ workflow: approval }, { 'idempotency-key': key });
      await front.call('POST', `/api/executions/${body.id}/cancel`, {});
      const answer = await waiting;
      expect([answer.status, answer.body.id, answer.body.status]).toEqual([200, body.id, 'cancelled']);
    });

    it('cancel nothing when the client leaves', async () => {
      const left = new AbortController();
      const request = fetch(`${server.url}/api/executions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          'content-type': 'application/json',
          prefer: 'wait=25',
          'idempotency-key': 'leaver',
        },
        body: JSON.stringify({ projectId: 'demo', workflow: approval }),
        signal: left.signal,
      });
      const { body } = await post({ workflow: approval }, { 'idempotency-key': 'leaver' });
      left.abort();
      await expect(request).rejects.toThrow();
      await approve(body.id);
      expect((await server.call('GET', `/api/executions/${body.id}`)).body.status).toBe('completed');
    });

    it('are 202 when the process stops', async () => {
      const stopping = await Server.start({ DATABASE_URL: database });
      const key = 'stopped';
      const waiting = post({ workflow: approval }, { prefer: 'wait=25', 'idempotency-key': key }, stopping);
      await post({ workflow: approval }, { 'idempotency-key': key });
      await stopping.kill('SIGTERM');
      expect((await waiting).status).toBe(202);
    });

    it('are problems as usual', async () => {
      expect((await post({ workflow: { nodes: [] } }, { prefer: 'wait=5' })).status).toBe(400);
    });
  });

  describe('with Accept: text/event-stream', () => {
    const start = async (
      request: object,
      headers: Record<string, string> = {},
      at = server,
    ): Promise<{
      response: Response;
      events: EventSourceMessage[];
      done: Promise<void>;
      leave: () => void;
    }> => {
      const left = new AbortController();
      const response = await fetch(`${at.url}/api/executions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          'content-type': 'application/json',
          accept: 'text/event-stream',
          ...headers,
        },
        body: JSON.stringify({ projectId: 'demo', ...request }),
        signal: left.signal,
      });
      const events: EventSourceMessage[] = [];
      const parser = createParser({ onEvent: (event) => events.push(event) });
      const read = async () => {
        const decoder = new TextDecoder();
        for await (const chunk of response.body!)
          parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      };
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
      const done = isStream ? read() : Promise.resolve();
      done.catch(() => undefined);
      return { response, events, done, leave: () => left.abort() };
    };
    const idOf = (response: Response): string => response.headers.get('location')!.split('/').at(-1)!;

    it('are the whole stream, gapless and with its end', async () => {
      for (const at of [server, front]) {
        const { response, events, done } = await start(
          { workflow: { nodes: [agent('a', { chunks: 20, delayMs: 1 })] } },
          {},
          at,
        );
        expect(response.status).toBe(200);
        expect(response.headers.get('cache-control')).toContain('no-store');
        await done;
        expect(events[0]!.event).toBe('connection:established');
        const ids = events.slice(1).map(({ id }) => Number(id));
        expect(ids).toEqual(ids.map((_, index) => index + 1));
        expect(events.at(-1)!.event).toMatch(TERMINAL);
        const watch = await new Watch(at.url, `/api/executions/${idOf(response)}/stream`).done();
        expect(watch.frames.map(({ type }) => type)).toEqual(events.slice(1).map(({ event }) => event));
      }
    });

    it.each([
      ['text/event-stream', true],
      ['application/json, text/event-stream;q=0.5', false],
      ['text/event-stream, application/json;q=0.9', true],
      ['*/*', false],
      ['application/json', false],
      ['text/event-stream, */*', true],
    ])('follow Accept: %s', async (accept, isStream) => {
      const { response, leave } = await start({ workflow: graph() }, { accept });
      expect([response.status, response.headers.get('content-type')!.split(';')[0]]).toEqual(
        isStream ? [200, 'text/event-stream'] : [202, 'application/json'],
      );
      leave();
    });

    it('stay problems in JSON', async () => {
      const { response } = await start({ workflow: { nodes: [] } });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json; charset=utf-8',
      ]);
    });

    it('repeat the first execution for a repeated key, after the last event that the client has seen', async () => {
      const key = { 'idempotency-key': 'streamed' };
      const request = { workflow: { nodes: [agent('a', { chunks: 30, delayMs: 1 })] } };
      const first = await start(request, key);
      await first.done;
      const again = await start(request, key);
      await again.done;
      expect(again.response.headers.get('idempotency-replayed')).toBe('true');
      expect(idOf(again.response)).toBe(idOf(first.response));
      expect(again.events.slice(1)).toEqual(first.events.slice(1));
      const rest = await start(request, { ...key, 'last-event-id': '10' });
      await rest.done;
      expect(rest.events.slice(1)).toEqual(first.events.slice(11));
      const last = first.events.at(-1)!.id!;
      expect((await start(request, { ...key, 'last-event-id': last })).response.status).toBe(204);
      expect((await start(request, { ...key, 'last-event-id': '999999' })).response.status).toBe(400);
    });

    it('cancel nothing when the client leaves, and can be resumed on the usual route', async () => {
      const { response, leave } = await start({ workflow: approval });
      leave();
      const id = idOf(response);
      await approve(id);
      const watch = await new Watch(front.url, `/api/executions/${id}/stream`, {
        'last-event-id': '2',
      }).done();
      expect(watch.frames[0]!.id).toBe(3);
      expect((await server.call('GET', `/api/executions/${id}`)).body.status).toBe('completed');
    });

    it('need the right to read, and a place for the stream, before anything starts', async () => {
      const { body } = await server.call('POST', '/api/keys', {
        name: 'writer',
        projects: ['writers'],
        scopes: ['executions:write'],
      });
      const { response } = await start(
        { projectId: 'writers', workflow: graph() },
        { authorization: `Bearer ${body.key}` },
      );
      expect(response.status).toBe(403);
      expect(((await response.json()) as Answer['body']).code).toBe('insufficient_scope');
      const list = await server.call('GET', '/api/executions?projectId=writers');
      expect(list.body.executions).toEqual([]);
    });

    it('end the stream of a process that stops with a hint to reconnect', async () => {
      const stopping = await Server.start({ DATABASE_URL: database });
      const { response, events, done } = await start({ workflow: approval }, {}, stopping);
      while (events.length === 0) await sleep(20);
      await stopping.kill('SIGTERM');
      await done;
      expect(events.at(-1)!.event).not.toMatch(TERMINAL);
      const id = idOf(response);
      await server.call('POST', `/api/executions/${id}/cancel`, {});
      await new Watch(server.url, `/api/executions/${id}/stream`).done();
    });
  });

  describe('of POST /api/executions/validate', () => {
    const validate = async (body: unknown): Promise<{ status: number; body: ValidatedExecution }> => {
      const answer = await server.call('POST', '/api/executions/validate', body);
      return { ...answer, body: answer.body as unknown as ValidatedExecution };
    };

    it('show the graph of a valid request, and start nothing', async () => {
      const { status, body } = await validate({ projectId: 'checks', workflow: graph() });
      expect([status, body]).toEqual([
        200,
        {
          valid: true,
          problems: [],
          warnings: [],
          graph: { nodes: [{ id: 't', type: 'transform' }], edges: [] },
        },
      ]);
      expect((await server.call('GET', '/api/executions?projectId=checks')).body.executions).toEqual([]);
    });

    it.each<[string, unknown, string, string]>([
      ['nothing', undefined, '', 'validation_failed'],
      ['a list', [], '', 'validation_failed'],
      ['no workflow', { projectId: 'demo' }, 'workflow', 'validation_failed'],
      ['an unknown member', { projectId: 'demo', workflow: graph(), extra: 1 }, 'extra', 'validation_failed'],
      [
        'a wrong expression',
        { projectId: 'demo', workflow: graph('(') },
        'workflow.nodes.0',
        'validation_failed',
      ],
      [
        'an unknown type',
        { projectId: 'demo', workflow: { nodes: [{ id: 'a', type: 'x' }] } },
        'workflow.nodes.0',
        'validation_failed',
      ],
      [
        'an unknown saved workflow',
        { projectId: 'demo', workflowRef: 'missing' },
        'workflowRef',
        'not_found',
      ],
    ])('name the problems of %s', async (_what, request, path, code) => {
      const { status, body } = await validate(request);
      expect([status, body.valid]).toEqual([200, false]);
      expect(body.problems[0]).toMatchObject({ path: expect.stringContaining(path) as string, code });
    });

    it('are 400 for a body that is not JSON', async () => {
      const response = await fetch(`${server.url}/api/executions/validate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: '{',
      });
      expect(response.status).toBe(400);
    });
  });

  describe('of POST /api/executions/batch', () => {
    const batch = async (executions: unknown[]): Promise<{ status: number; body: BatchResults }> => {
      const answer = await server.call('POST', '/api/executions/batch', { executions });
      return { ...answer, body: answer.body as unknown as BatchResults };
    };

    it('have a result for each of 1,000 items, of which ten are wrong', async () => {
      const items = Array.from({ length: 1_000 }, (_, index) =>
        index % 100 === 7
          ? { projectId: 'batch', workflow: { nodes: [] } }
          : { projectId: 'batch', input: index, workflow: graph(), idempotencyKey: `item-${index}` },
      );
      const { status, body } = await batch(items);
      expect([status, body.started, body.failed]).toEqual([200, 990, 10]);
      expect(body.results.map(({ index }) => index)).toEqual(items.map((_, index) => index));
      for (const { index, status: of, execution, problem } of body.results)
        if (index % 100 === 7) expect([of, problem!.code]).toEqual([400, 'validation_failed']);
        else expect([of, execution!.input]).toEqual([202, index]);
      // A repetition starts nothing.
      const again = await batch(items);
      expect(again.body.started).toBe(990);
      const ids = ({ results }: BatchResults) => results.map(({ execution }) => execution?.id);
      expect(ids(again.body)).toEqual(ids(body));
      expect(again.body.results.filter(({ replayed }) => replayed)).toHaveLength(990);
      for (const { execution } of body.results.slice(-3)) {
        await new Watch(server.url, `/api/executions/${execution!.id}/stream`).done();
        const shown = (await server.call('GET', `/api/executions/${execution!.id}`))
          .body as unknown as Execution;
        expect(shown.output).toBe(execution!.input);
      }
    });

    it.each<[string, unknown, number]>([
      ['text', 'x', 400],
      ['null', null, 400],
      ['a list', [], 400],
      ['nothing', {}, 400],
      ['an unknown saved workflow', { projectId: 'demo', workflowRef: 'missing' }, 404],
      ['a key with a space', { projectId: 'demo', workflow: graph(), idempotencyKey: 'a b' }, 400],
      ['a key that is no text', { projectId: 'demo', workflow: graph(), idempotencyKey: 1 }, 400],
    ])('refuse an item that is %s, and start the next one', async (_what, item, status) => {
      const { body } = await batch([item, { projectId: 'demo', workflow: graph() }]);
      expect(body.results.map((result) => result.status)).toEqual([status, 202]);
    });

    it.each([
      ['no items', []],
      ['1,001 items', Array.from({ length: 1_001 }, () => ({}))],
    ])('are 400 for %s', async (_what, items) => {
      expect((await batch(items)).status).toBe(400);
    });
  });
});
