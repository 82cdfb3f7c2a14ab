import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { ExtensionServer } from './support/extension-server.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';

const TEAM_MODULE = `
  const TalkConfig = z.object({ chunks: z.number(), delayMs: z.number(), poison: z.boolean() });

  @Injectable()
  @NodeHandler('talk')
  class Talk {
    readonly config = TalkConfig;
    async run(run: NodeRun<z.infer<typeof TalkConfig>>) {
      const { chunks, delayMs, poison } = run.config;
      for (let index = 0; index < chunks; index += 1) {
        const chunk = poison && index === 3 ? 'poison' : 'text ' + index + ' ';
        await run.emit({ type: 'execution:output', chunk });
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
      return 'done';
    }
  }

  /** Sends the number of characters so far: several frames for a chunk, and none for steps. */
  @Injectable()
  @StreamFormat('letters')
  class Letters {
    headers({ projectId }) { return { 'X-Letters': projectId }; }
    begin({ workflow }) { return { nodes: workflow.nodes.length, letters: 0, isWaiting: false }; }
    encode(event, state) {
      if (event.type === 'execution:waiting') { state.isWaiting = true; return [{ data: 'waiting' }]; }
      if (event.type === 'execution:wait-ended') { state.isWaiting = false; return [{ data: 'continues' }]; }
      if (event.type === 'execution:completed') return [{ event: 'end', data: { letters: state.letters } }, { data: '[DONE]' }];
      if (event.type !== 'execution:output') return [];
      if (event.chunk === 'poison') throw new Error('this is poison');
      state.letters += event.chunk.length;
      return ['one', 'two', 'three'].map((part) => ({ event: 'letters', data: { part, letters: state.letters, nodes: state.nodes } }));
    }
    isIdle(state) { return state.isWaiting; }
    interrupted() { return [{ event: 'interrupted', data: { again: true } }]; }
  }

  @Module({ providers: [Talk, Letters] })
  class TeamModule {}
`;

interface Received {
  status: number;
  headers: Headers;
  /** The frames as text, without comments and `retry`. */
  frames: string[];
  /** Whether the response was cut off. */
  isBroken: boolean;
}

const idOf = (frame: string): string | undefined => /^id: (.*)$/m.exec(frame)?.[1];
const isFrame = (text: string) => text !== '' && !text.startsWith(':') && !/^retry: \d+$/.test(text);

describe('a stream in a format of a module', () => {
  const settings = async () => ({ DATABASE_URL: await createDatabase(), STREAM_COMPRESSION: 'gzip' });
  let team: ExtensionServer;
  let given: Record<string, string>;
  beforeAll(async () => {
    given = await settings();
    team = await ExtensionServer.start(TEAM_MODULE, given);
  });
  afterAll(() => team.stop());

  const talk = (chunks: number, delayMs = 0, poison = false) => ({
    projectId: 'demo',
    input: null,
    workflow: { nodes: [{ id: 'talk', type: 'talk', data: { config: { chunks, delayMs, poison } } }] },
  });
  const get = (id: string, headers: Record<string, string> = {}, query = 'format=letters') =>
    fetch(`${team.server.url}/api/executions/${id}/stream?${query}`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'accept-encoding': 'identity', ...headers },
    });
  const receive = async (response: Response, onChunk?: (text: string) => void): Promise<Received> => {
    let text = '';
    let isBroken = false;
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        onChunk?.(text);
      }
    } catch {
      isBroken = true;
    }
    const { status, headers } = response;
    return { status, headers, frames: text.split('\n\n').filter(isFrame), isBroken };
  };
  const run = async (request: object): Promise<string> => {
    const id = await team.server.startExecution(request);
    await receive(await get(id));
    return id;
  };

  it('sends the same frames live and from the journal, to every stream', async () => {
    const id = await team.server.startExecution(talk(300, 1));
    const live = await Promise.all(Array.from({ length: 8 }, async () => receive(await get(id))));
    const replayed = await receive(await get(id));
    expect(replayed.status).toBe(200);
    expect(replayed.headers.get('x-letters')).toBe('demo');
    expect(replayed.frames).toHaveLength(300 * 3 + 2);
    expect(replayed.frames.at(-2)).toMatch(/^event: end\ndata: \{"letters":\d+\}\nid: \d+\.1$/);
    expect(replayed.frames.at(-1)).toMatch(/^data: \[DONE\]\nid: \d+$/);
    for (const { frames } of live) expect(frames).toEqual(replayed.frames);
    const { body } = await team.server.call('GET', `/api/executions/${id}`);
    expect(idOf(replayed.frames.at(-1)!)).toBe(String(body.lastSequence));
  });

  it('continues exactly after any frame', async () => {
    const id = await run(talk(6));
    const { frames } = await receive(await get(id));
    for (const [index, frame] of frames.entries()) {
      const response = await get(id, { 'last-event-id': idOf(frame)! });
      if (index === frames.length - 1) expect(response.status).toBe(204);
      else expect((await receive(response)).frames).toEqual(frames.slice(index + 1));
    }
    const byQuery = await get(id, {}, `format=letters&lastEventId=${idOf(frames[4]!)}`);
    expect((await receive(byQuery)).frames).toEqual(frames.slice(5));
  });

  it('reads a long journal from any place, also after its pages have left the memory', async () => {
    const id = await run(talk(9_000));
    const { frames } = await receive(await get(id));
    expect(frames).toHaveLength(9_000 * 3 + 2);
    for (const index of [1, 13_000, 26_998]) {
      const { frames: rest } = await receive(await get(id, { 'last-event-id': idOf(frames[index]!)! }));
      expect(rest).toEqual(frames.slice(index + 1));
    }
  });

  it('sends everything to a client that reads slowly while events come', async () => {
    const id = await team.server.startExecution(talk(4_000, 0));
    const slow = get(id).then(async (response) => {
      await sleep(600);
      return receive(response);
    });
    const [first, second] = await Promise.all([receive(await get(id)), slow]);
    expect(second.frames).toEqual(first.frames);
    expect(first.frames).toHaveLength(4_000 * 3 + 2);
  });

  it('is compressed like every stream', async () => {
    const id = await run(talk(50));
    const plain = await receive(await get(id));
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const { request } = await import('node:http');
    request(
      `${team.server.url}/api/executions/${id}/stream?format=letters`,
      { headers: { authorization: `Bearer ${ADMIN_KEY}`, 'accept-encoding': 'gzip' }, agent: false },
      (response) => {
        expect(response.headers['content-encoding']).toBe('gzip');
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      },
    )
      .on('error', reject)
      .end();
    const text = gunzipSync(await promise).toString();
    expect(text.split('\n\n').filter(isFrame)).toEqual(plain.frames);
  });

  it('ends with the interruption if the format fails, and other streams continue', async () => {
    const id = await team.server.startExecution(talk(200, 5, true));
    const own = receive(await get(id, {}, ''));
    const response = await receive(await get(id));
    expect(response.frames.at(-1)).toBe('event: interrupted\ndata: {"again":true}');
    expect((await receive(await get(id))).frames.at(-1)).toBe('event: interrupted\ndata: {"again":true}');
    expect((await own).frames.at(-1)).toContain('event: execution:completed');
    expect(team.server.output()).toContain('the format letters could not encode event');
    expect(team.server.output()).toContain('this is poison');
  });

  it('refuses unknown formats, types and wrong ids', async () => {
    const id = await run(talk(1));
    const refused = async (query: string, headers: Record<string, string> = {}) => {
      const response = await get(id, headers, query);
      const { code, errors } = (await response.json()) as { code: string; errors?: { message: string }[] };
      return [response.status, code, errors?.[0]?.message];
    };
    expect(await refused('format=leters')).toEqual([
      400,
      'validation_failed',
      expect.stringMatching(/^must be one of .*letters.*Did you mean letters\?$/),
    ]);
    expect(await refused('format=letters&types=execution:output')).toEqual([
      400,
      'validation_failed',
      'must be left out with format: a format needs all events',
    ]);
    for (const lastEventId of [
      'x',
      '1.x',
      '1.0',
      '.1',
      '1.1.1',
      '-1',
      '1e3',
      '99999',
      '99999.1',
      '1.9999999',
    ])
      expect((await refused('format=letters', { 'last-event-id': lastEventId })).slice(0, 2)).toEqual([
        400,
        'invalid_last_event_id',
      ]);
    const other = await get('00000000-0000-7000-8000-000000000000');
    expect(other.status).toBe(404);
  });

  it('is refused over HTTP/1.0, in which a connection that breaks looks like the end, before anything starts', async () => {
    const overHttp10 = async (method: string, path: string, body = ''): Promise<string> => {
      const { hostname, port } = new URL(team.server.url);
      const socket = connect({ host: hostname, port: Number(port) }).setEncoding('utf8');
      const head = `${method} ${path} HTTP/1.0\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json`;
      socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      let text = '';
      for await (const chunk of socket) text += chunk as string;
      return text;
    };
    const refused = /^HTTP\/1\.1 505 .*"code":"http_version_too_old"/s;
    const id = await run(talk(3));
    const path = `/api/executions/${id}/stream`;
    expect(await overHttp10('GET', `${path}?format=letters`)).toMatch(refused);
    expect(await overHttp10('GET', path)).toContain('event: execution:completed');
    await team.server.call('PUT', '/api/workflows/old/talk', { workflow: talk(3).workflow });
    const body = JSON.stringify({ model: 'old/talk', input: 'x', stream: true });
    const answer = await overHttp10('POST', '/v1/responses', body);
    expect(answer).toMatch(refused);
    expect(answer).toContain('proxy_http_version 1.1;');
    const { body: list } = await team.server.call('GET', '/api/executions?projectId=old');
    expect(list).toMatchObject({ executions: [] });
  });

  it('sends the interruption when the server stops, and continues after the restart', async () => {
    const id = await team.server.startExecution(talk(400, 10));
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const cut = receive(await get(id), (text) => text.includes('"part":"three"') && resolve());
    await begun;
    const stopping = team.stop();
    const { frames } = await cut;
    expect(frames.at(-1)).toBe('event: interrupted\ndata: {"again":true}');
    await stopping;
    team = await ExtensionServer.start(TEAM_MODULE, given);
    const seen = frames.slice(0, -1);
    const rest = await receive(await get(id, { 'last-event-id': idOf(seen.at(-1)!)! }));
    const whole = await receive(await get(id));
    expect([...seen, ...rest.frames]).toEqual(whole.frames);
    expect(whole.frames.at(-1)).toContain('[DONE]');
  });
});
