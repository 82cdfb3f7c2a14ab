import { EventSource } from 'undici';
import { CuttingProxy } from './support/cutting-proxy.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, TERMINAL, upTo, Watch } from './support/watch.js';

const TYPES = [
  'started',
  'step',
  'progress',
  'output',
  'token-usage',
  'cost-update',
  'completed',
  'cancelled',
];

/** An EventSource that records its events. */
class Page {
  readonly events: { id: string; type: string; data: { executionId: string; sequence?: number } }[] = [];
  opened = 0;
  private readonly source: EventSource;
  private wake = Promise.withResolvers<void>();

  constructor(url: URL) {
    this.source = new EventSource(url);
    const notify = (): void => {
      this.wake.resolve();
      this.wake = Promise.withResolvers<void>();
    };
    this.source.addEventListener('connection:established', () => {
      this.opened += 1;
      notify();
    });
    this.source.addEventListener('error', notify);
    for (const type of TYPES.map((name) => `execution:${name}`))
      this.source.addEventListener(type, (event) => {
        const { lastEventId: id, data } = event as unknown as { lastEventId: string; data: string };
        this.events.push({ id, type, data: JSON.parse(data) });
        notify();
      });
  }

  get hasGivenUp(): boolean {
    return this.source.readyState === EventSource.CLOSED;
  }

  /**
   * Waits until `condition` holds.
   * @throws Error when the EventSource gives up first
   */
  async until(condition: (page: this) => boolean): Promise<this> {
    while (!condition(this)) {
      if (this.hasGivenUp) throw new Error(`gave up after ${this.opened} connections`);
      await this.wake.promise;
    }
    return this;
  }

  close(): void {
    this.source.close();
  }
}

describe('an EventSource that opened with a ticket', () => {
  let server: Server;
  let proxy: CuttingProxy;
  let page: Page | undefined;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      STREAM_RETRY_MS: '20',
      MAX_EXECUTIONS_PER_PROJECT: '1',
    });
    proxy = await CuttingProxy.start(server.url);
  });
  afterEach(() => {
    page?.close();
    proxy.cutter = undefined;
  });
  afterAll(async () => {
    await proxy.close();
    await server.kill('SIGTERM');
  });

  const issue = async (path: string, body?: object): Promise<string> =>
    (await server.call('POST', `/api/executions${path}/stream-tickets`, body)).body.url;
  const open = (path: string): Page => (page = new Page(new URL(path, proxy.url)));
  const hasEnded = ({ events }: Page) => events.some(({ type }) => TERMINAL.test(type));
  const cancel = (id: string) => server.call('POST', `/api/executions/${id}/cancel`);
  const request = (projectId: string, node: object) => ({ ...start([node]), projectId });

  it('reconnects while its execution is queued', async () => {
    const first = await server.startExecution(request('queued', agent('a', { hang: true })));
    const second = await server.startExecution(request('queued', delay('a', 1)));
    open(await issue(`/${second}`));
    await page!.until(({ opened }) => opened === 1);
    proxy.cut();
    await page!.until(({ opened }) => opened === 2);
    await cancel(first);
    await page!.until(hasEnded);
    expect(page!.events.map(({ id }) => Number(id))).toEqual(upTo(page!.events.length));
  });

  it('reconnects before the first event of its types', async () => {
    const id = await server.startExecution(request('typed', agent('a', { hang: true })));
    await new Watch(server.url, `/api/executions/${id}/stream`).until(({ frames }) => frames.length > 1);
    open(`${await issue(`/${id}`)}&types=execution:cancelled`);
    await page!.until(({ opened }) => opened === 1);
    proxy.cut();
    await page!.until(({ opened }) => opened === 2);
    await cancel(id);
    await page!.until(hasEnded);
    expect(page!.events.map(({ type }) => type)).toEqual(['execution:cancelled']);
  });

  it('reconnects when the connection breaks before the first frame', async () => {
    const id = await server.startExecution(request('bare', agent('a', { hang: true })));
    const path = await issue(`/${id}`);
    let cuts = 0;
    proxy.cutter = () => (text) => {
      const end = text.indexOf('\r\n\r\n');
      return end === -1 || ++cuts > 1 ? undefined : end + 4;
    };
    open(path);
    await page!.until(({ events }) => events.length > 1);
    expect(cuts).toBeGreaterThan(1);
    await cancel(id);
  });

  it.each(['start', 'now'])(
    'on many executions misses no event after a break before its first event, with from=%s',
    async (from) => {
      const projectId = `many-${from}`;
      open(`${await issue('', { projectId })}&from=${from}`);
      await page!.until(({ opened }) => opened === 1);
      // The proxy now refuses new connections.
      proxy.target = 'http://127.0.0.1:1';
      proxy.cut();
      const missed = await server.startExecution(request(projectId, delay('a', 1)));
      await new Watch(server.url, `/api/executions/${missed}/stream`).done();
      proxy.target = server.url;
      await page!.until(hasEnded);
      expect(page!.events.map(({ data }) => [data.executionId, data.sequence])).toEqual(
        upTo(page!.events.length).map((sequence) => [missed, sequence]),
      );
    },
  );
});

describe('a used ticket', () => {
  const opens = (server: Server) => async (url: string, headers: Record<string, string>) => {
    const answer = await fetch(new URL(url, server.url), { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  const issue = async (server: Server, path: string): Promise<string> =>
    (await server.call('POST', `/api/executions${path}/stream-tickets`, {})).body.url;
  const HOME = { 'x-forwarded-for': '192.0.2.1' };
  const ELSEWHERE = { 'x-forwarded-for': '192.0.2.2' };

  it('opens its stream again only from the address that used it first', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase(), TRUST_PROXY: 'loopback' });
    const open = opens(server);
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    // Last-Event-ID 1 is an error before there is an event.
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.length > 1);
    watch.close();
    for (const path of [`/${id}`, '']) {
      const url = await issue(server, path);
      expect(await open(url, HOME)).toBe(200);
      const again = ['', '0', '1'].slice(0, path === '' ? 1 : 3);
      for (const last of again) {
        const resumes = last === '' ? {} : { 'last-event-id': last };
        expect([last, await open(url, { ...HOME, ...resumes })]).toEqual([last, 200]);
        expect([last, await open(url, { ...ELSEWHERE, ...resumes })]).toEqual([last, 401]);
      }
      // Attempts from another address do not invalidate the ticket.
      expect(await open(url, HOME)).toBe(200);
    }
    await server.kill('SIGTERM');
  });

  it('cannot be used again with TICKET_RESUME_TTL_MS=0', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase(), TICKET_RESUME_TTL_MS: '0' });
    const open = opens(server);
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const url = await issue(server, `/${id}`);
    expect(await open(url, {})).toBe(200);
    expect(await open(url, {})).toBe(401);
    expect(await open(url, { 'last-event-id': '1' })).toBe(401);
    await server.kill('SIGTERM');
  });

  it('cannot be used again when TICKET_RESUME_TTL_MS has passed since its last use', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase(), TICKET_RESUME_TTL_MS: '1' });
    const open = opens(server);
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const url = await issue(server, `/${id}`);
    expect(await open(url, {})).toBe(200);
    expect(await open(url, {})).toBe(401);
    await server.kill('SIGTERM');
  });
});
