import 'reflect-metadata';
import { Controller, Get, Injectable, Module, type OnModuleInit, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { type Json, StartExecution } from '@cloutagent/contract';
import type { Request } from 'express';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { CurrentPrincipal, RequireScope } from '../src/auth/access.decorators.js';
import type { Principal } from '../src/auth/principal.js';
import type { ExecutionEngine } from '../src/engine/execution-engine.js';
import { NodeHandler } from '../src/engine/extension/node-handler.decorator.js';
import type { NodeRun, NodeType } from '../src/engine/extension/node-handler.js';
import { ExecutionStarter } from '../src/executions/commands/execution-starter.js';
import { ExecutionReader } from '../src/executions/queries/execution-reader.js';
import { ExecutionsAuthGuard, ExecutionsModule, type ExecutionsModuleOptions } from '../src/module.js';
import { StreamHub } from '../src/streaming/stream-hub.js';
import type { Body } from './support/answer.js';
import { createHost, HOST_REQUESTS, HOST_TOKEN, type RawAnswer, send } from './support/host-application.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';
import { ids, start, upTo, Watch } from './support/watch.js';

const KEY = { authorization: `Bearer ${ADMIN_KEY}` };
const JSON_TYPE = { 'content-type': 'application/json' };

async function options(more: Partial<ExecutionsModuleOptions> = {}): Promise<ExecutionsModuleOptions> {
  return {
    path: 'agents',
    ...more,
    settings: { DATABASE_URL: await createDatabase(), BOOTSTRAP_API_KEY: ADMIN_KEY, ...more.settings },
  };
}

const parse = ({ body }: RawAnswer): Body => JSON.parse(body) as Body;
const headerOf = ({ headers }: RawAnswer, name: string): string | undefined =>
  headers[headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name) + 1];

/** Starts an execution below `path` and returns the answer. */
const post = (base: string, path: string, body: object): Promise<RawAnswer> =>
  send(base, 'POST', `${path}/api/executions`, { ...KEY, ...JSON_TYPE }, JSON.stringify(body));

const approval = start([{ id: 'wait', type: 'approval' }]);
const transform = (expression: string) =>
  start([{ id: 'a', type: 'transform', data: { config: { expression } } }]);

/** An answer without what differs from one request to the next. */
function stable({ status, headers, body }: RawAnswer): object {
  const isVarying = (name: string | undefined) => /^(date|x-ratelimit-re(set|maining))$/i.test(name ?? '');
  return {
    status,
    headers: headers.filter((_, index) => !isVarying(headers[index - (index % 2)])),
    body,
  };
}

describe('a server inside a Nest application', () => {
  let host: NestExpressApplication;
  let base: string;
  beforeAll(async () => {
    host = await createHost([ExecutionsModule.forRoot(await options())]);
    base = await host.getUrl();
  });
  afterAll(() => host.close());

  it('starts executions in every way below its path', async () => {
    const body = transform('1 + 1');
    const stream = await new Watch(
      base,
      '/v1/agents/api/executions',
      { accept: 'text/event-stream' },
      false,
      body,
    ).done();
    expect(stream.headers.location).toMatch(/^\/v1\/agents\/api\/executions\/[0-9a-f-]{36}$/);
    expect(ids(stream.frames)).toEqual(upTo(stream.frames.length));
    expect(stream.frames.at(-1)!.type).toBe('execution:completed');
    const ask = (path: string, sent: object, headers: Record<string, string> = {}) =>
      send(
        base,
        'POST',
        `/v1/agents/api/executions${path}`,
        { ...KEY, ...JSON_TYPE, ...headers },
        JSON.stringify(sent),
      );
    const waited = await ask('', body, { prefer: 'wait=60' });
    expect([waited.status, headerOf(waited, 'preference-applied'), parse(waited).output]).toEqual([
      200,
      'wait=60',
      2,
    ]);
    // Larger than the body of a single start may be.
    const large = { ...body, input: 'x'.repeat(600_000) };
    const batch = await ask('/batch', { executions: [large, large] });
    expect([batch.status, parse(batch)]).toMatchObject([200, { started: 2 }]);
    const validated = await ask('/validate', { ...body, projectId: 7 });
    expect([validated.status, parse(validated)]).toMatchObject([200, { valid: false }]);
  });

  it('changes nothing in the answers of the host', async () => {
    const plain = await createHost();
    const answers = async (url: string) => {
      const list: object[] = [];
      for (const given of HOST_REQUESTS)
        list.push({ request: given.slice(0, 3), ...stable(await send(url, ...given)) });
      return list;
    };
    try {
      const plainUrl = await plain.getUrl();
      expect(await answers(base)).toEqual(await answers(plainUrl));
    } finally {
      await plain.close();
    }
  });

  it('runs an execution and streams it below the path', async () => {
    const started = await post(base, '/v1/agents', transform('input & "!"'));
    expect(started.status).toBe(202);
    const { id } = parse(started);
    expect(headerOf(started, 'location')).toBe(`/v1/agents/api/executions/${id}`);
    const watch = new Watch(base, `${headerOf(started, 'location')}/stream`);
    await watch.done();
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(watch.frames.at(-1)!.data.result).toMatchObject({ output: 'hello!' });
    const resumed = new Watch(base, `/v1/agents/api/executions/${id}/stream`, { 'last-event-id': '1' });
    await resumed.done();
    expect(resumed.frames[0]!.id).toBe(2);
  });

  it('answers with its own headers and problems, and none of the host', async () => {
    const answer = await send(base, 'GET', '/v1/agents/api/nowhere', {
      ...KEY,
      origin: 'https://host.example',
    });
    expect(answer.status).toBe(404);
    expect(parse(answer)).toMatchObject({
      code: 'route_not_found',
      detail: 'This route does not exist; /v1/agents/docs lists all routes.',
      instance: '/v1/agents/api/nowhere',
    });
    const names = answer.headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names).toContain('content-security-policy');
    expect(names).not.toContain('x-powered-by');
    expect(names).not.toContain('access-control-allow-origin');
    expect(names).not.toContain('etag');
    const list = await send(base, 'GET', '/v1/agents/api/executions', KEY);
    expect(list.status).toBe(200);
    const listed = list.headers.map((name) => name.toLowerCase());
    expect(listed).toContain('ratelimit-limit');
    expect(listed).not.toContain('x-ratelimit-limit');
  });

  it('requires its own credentials and not those of the host', async () => {
    expect((await send(base, 'GET', '/v1/agents/api/executions')).status).toBe(401);
    expect((await send(base, 'GET', '/v1/agents/api/executions', HOST_TOKEN)).status).toBe(401);
    expect((await send(base, 'GET', '/v1/cats/1', KEY)).status).toBe(403);
  });

  it('accepts bodies up to its own limit, which is larger than that of the host', async () => {
    const large = { ...transform('$length(input)'), input: 'x'.repeat(1_000_000) };
    const started = await post(base, '/v1/agents', large);
    expect(started.status).toBe(202);
    const expecting = await send(
      base,
      'POST',
      '/v1/agents/api/executions',
      { ...KEY, ...JSON_TYPE, expect: '100-continue' },
      JSON.stringify(large),
    );
    expect(expecting.status).toBe(202);
    const tooLarge = await post(base, '/v1/agents', { ...large, input: 'x'.repeat(1_100_000) });
    expect(tooLarge.status).toBe(413);
    expect(parse(tooLarge).code).toBe('body_too_large');
  });

  it('answers HEAD and OPTIONS itself', async () => {
    const head = await send(base, 'HEAD', '/v1/agents/health/live');
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(headerOf(head, 'cache-control')).toBe('no-store');
    const preflight = await send(base, 'OPTIONS', '/v1/agents/api/executions', {
      origin: 'https://host.example',
      'access-control-request-method': 'POST',
    });
    expect(headerOf(preflight, 'access-control-allow-headers')).toContain('Idempotency-Key');
  });

  it('puts the path into tickets, which open the stream', async () => {
    const { id } = parse(await post(base, '/v1/agents', transform('1')));
    const tickets = `/v1/agents/api/executions/${id}/stream-tickets`;
    const { url } = parse(await send(base, 'POST', tickets, { ...KEY, ...JSON_TYPE }, '{}'));
    expect(url).toMatch(new RegExp(`^/v1/agents/api/executions/${id}/stream\\?ticket=`));
    const watch = new Watch(base, url, { authorization: '' });
    await watch.done();
    const many = parse(
      await send(base, 'POST', '/v1/agents/api/executions/stream-tickets', { ...KEY, ...JSON_TYPE }, '{}'),
    );
    expect(many.url).toMatch(/^\/v1\/agents\/api\/executions\/stream\?ticket=/);
  });

  it('documents itself at its own path', async () => {
    const page = await send(base, 'GET', '/v1/agents/docs');
    expect(page.body).toContain('./docs/swagger-ui');
    expect((await send(base, 'GET', '/v1/agents/docs/swagger-ui.css')).status).toBe(200);
    const document = JSON.parse((await send(base, 'GET', '/v1/agents/docs/openapi.json')).body) as {
      paths: object;
      servers: unknown;
    };
    expect(document.servers).toMatchObject([{ url: '/v1/agents' }]);
    expect(Object.keys(document.paths)).toContain('/api/executions');
    expect(Object.keys(document.paths)).not.toContain('/v1/cats');
  });

  it('has no dashboard unless it is asked for', async () => {
    const answer = await send(base, 'GET', '/v1/agents', { accept: 'text/html' });
    expect(answer.status).toBe(404);
    expect(parse(answer).code).toBe('route_not_found');
  });
});

@Injectable()
class Lexicon implements OnModuleInit {
  private words: Record<string, string> | undefined;

  /** Takes a moment, as a connection to a database does. */
  async onModuleInit(): Promise<void> {
    await new Promise(setImmediate);
    this.words = { hello: 'bonjour' };
  }

  find(word: string): string {
    return this.words![word] ?? word;
  }
}

/** A node type in a module of the host, which injects a provider of the host. */
@NodeHandler('translate')
class TranslateNode implements NodeType<object> {
  readonly config = z.strictObject({});

  constructor(private readonly lexicon: Lexicon) {}

  run(run: NodeRun<object>): Promise<Json> {
    return Promise.resolve(this.lexicon.find(run.input as string));
  }
}

/** A controller of the host that uses the server's services and credentials. */
@Controller('reports')
@UseGuards(ExecutionsAuthGuard)
class ReportsController {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly reader: ExecutionReader,
    private readonly hub: StreamHub,
  ) {}

  @Get()
  @RequireScope('executions:write')
  async run(@CurrentPrincipal() principal: Principal): Promise<object> {
    const request = StartExecution.parse(start([{ id: 'a', type: 'translate', data: { config: {} } }]));
    const { execution } = await this.starter.start(request, principal);
    const { projectId } = await this.reader.get(execution.id, principal);
    return { id: execution.id, projectId, clients: this.hub.getClientCount(execution.id) };
  }

  @Get('refused')
  @RequireScope('executions:write')
  refused(@CurrentPrincipal() principal: Principal): Promise<object> {
    return this.starter.start(StartExecution.parse(start([{ id: 'a', type: 'translat' }])), principal);
  }
}

@Module({ controllers: [ReportsController], providers: [Lexicon, TranslateNode] })
class ReportsModule {}

/** A controller that is given to the server, and so is part of it. */
@Controller('team')
class TeamController {
  constructor(private readonly reader: ExecutionReader) {}

  @Get()
  @RequireScope('executions:read')
  show(@CurrentPrincipal() { name }: Principal): object {
    return { name, canRead: typeof this.reader.get };
  }
}

@Module({ controllers: [TeamController] })
class TeamModule {}

@Module({})
class ConfiguredModule {}

describe('modules around a server inside a Nest application', () => {
  let host: NestExpressApplication;
  let base: string;
  beforeAll(async () => {
    host = await createHost([
      ReportsModule,
      ExecutionsModule.forRootAsync({
        path: 'agents',
        inject: ['CONFIGURED'],
        imports: [
          {
            module: ConfiguredModule,
            providers: [{ provide: 'CONFIGURED', useFactory: () => options({ imports: [TeamModule] }) }],
            exports: ['CONFIGURED'],
          },
        ],
        useFactory: (configured: ExecutionsModuleOptions) => configured,
      }),
    ]);
    base = await host.getUrl();
  });
  afterAll(() => host.close());

  it("runs node types of the host, and the host's controllers start executions", async () => {
    const answer = await send(base, 'GET', '/v1/reports', { ...HOST_TOKEN, ...KEY });
    expect(answer.status).toBe(200);
    const { id, projectId } = parse(answer);
    expect(projectId).toBe('demo');
    const watch = new Watch(base, `/v1/agents/api/executions/${id}/stream`);
    await watch.done();
    expect(watch.frames.at(-1)!.data.result).toMatchObject({ output: 'bonjour' });
  });

  it("answers what a service refuses as an HttpException of the host's controller", async () => {
    const answer = await send(base, 'GET', '/v1/reports/refused', { ...HOST_TOKEN, ...KEY });
    expect([answer.status, parse(answer)]).toEqual([
      400,
      {
        statusCode: 400,
        code: 'validation_failed',
        message: expect.any(String) as string,
        errors: [{ path: 'workflow.nodes.0.type', message: expect.stringContaining('translate') as string }],
      },
    ]);
  });

  it("protects the host's controllers that ask for it, in addition to the host's guard", async () => {
    expect((await send(base, 'GET', '/v1/reports', KEY)).status).toBe(403);
    const refused = await send(base, 'GET', '/v1/reports', HOST_TOKEN);
    expect(refused.status).toBe(401);
    expect(parse(refused)).toMatchObject({ statusCode: 401, code: 'credentials_missing' });
  });

  it('gives its services, guard and path to modules in `imports`', async () => {
    const answer = await send(base, 'GET', '/v1/agents/team', KEY);
    expect(parse(answer)).toEqual({ name: 'bootstrap', canRead: 'function' });
    expect((await send(base, 'GET', '/v1/agents/team')).status).toBe(401);
    expect((await send(base, 'GET', '/v1/team', HOST_TOKEN)).status).toBe(404);
  });
});

describe('the start of a host', () => {
  it('is complete before the server runs an execution that was waiting for it', async () => {
    const given = await options();
    const order: string[] = [];
    const engine = (name: string): ExecutionEngine => ({
      run: () => {
        order.push(name);
        return Promise.resolve('lost');
      },
      applyControl: () => Promise.resolve(),
      committedSequence: () => undefined,
    });
    @Injectable()
    class SlowProvider implements OnModuleInit {
      async onModuleInit(): Promise<void> {
        // Longer than a claim takes.
        await sleep(500);
        order.push('initialized');
      }
    }
    const first = await createHost([ExecutionsModule.forRoot({ ...given, engine: engine('first') })]);
    await post(await first.getUrl(), '/v1/agents', approval);
    while (order.length === 0) await sleep(5);
    await first.close();
    const second = await createHost([
      ExecutionsModule.forRoot({ ...given, engine: engine('second') }),
      { module: ConfiguredModule, providers: [SlowProvider] },
    ]);
    try {
      while (!order.includes('second')) await sleep(5);
      expect(order.slice(0, 3)).toEqual(['first', 'initialized', 'second']);
    } finally {
      await second.close();
    }
  });

  it('may bring the embedded PostgreSQL along, and ends it again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-host-'));
    const host = await createHost([
      ExecutionsModule.forRoot({
        path: 'agents',
        settings: { DATA_DIR: folder, BOOTSTRAP_API_KEY: ADMIN_KEY },
      }),
    ]);
    try {
      expect((await post(await host.getUrl(), '/v1/agents', transform('1'))).status).toBe(202);
    } finally {
      await host.close();
      expect(await readdir(join(folder, 'postgres'))).not.toContain('postmaster.pid');
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('callers that the host of a server knows', () => {
  it('are recognised by the option auth, in addition to keys', async () => {
    const auth = (request: Request): Principal | undefined =>
      request.headers.cookie === 'session=alice'
        ? { id: 'alice', projects: ['demo'], scopes: ['executions:read'], expiresAt: null }
        : undefined;
    const host = await createHost([ExecutionsModule.forRoot(await options({ auth }))]);
    try {
      const base = await host.getUrl();
      const me = (headers: Record<string, string>) => send(base, 'GET', '/v1/agents/api/me', headers);
      expect(parse(await me({ cookie: 'session=alice' }))).toMatchObject({ id: 'host:alice' });
      expect(parse(await me(KEY))).toMatchObject({ name: 'bootstrap' });
      expect((await me({ cookie: 'session=bob' })).status).toBe(401);
    } finally {
      await host.close();
    }
  });
});

describe('the path of a server inside a Nest application', () => {
  it('has no prefix if the host has none or excludes it', async () => {
    const plain = await createHost([ExecutionsModule.forRoot(await options())], null);
    try {
      expect((await send(await plain.getUrl(), 'GET', '/agents/health/live')).status).toBe(200);
    } finally {
      await plain.close();
    }
    const excluding = await NestFactory.create<NestExpressApplication>(
      ExecutionsModule.forRoot(await options()),
      { logger: false, abortOnError: false },
    );
    excluding.setGlobalPrefix('v1', { exclude: ['agents/*path'] });
    await excluding.listen(0, '127.0.0.1');
    try {
      const url = await excluding.getUrl();
      expect((await send(url, 'GET', '/agents/health/live')).status).toBe(200);
      expect((await send(url, 'GET', '/v1/agents/health/live')).status).toBe(404);
    } finally {
      await excluding.close();
    }
  });

  it('may be empty: only the routes of the API are taken from the host', async () => {
    const host = await createHost([ExecutionsModule.forRoot(await options({ path: '' }))], null);
    try {
      const base = await host.getUrl();
      const started = await post(base, '', transform('1'));
      expect(started.status).toBe(202);
      const location = headerOf(started, 'location')!;
      expect(location).toBe(`/api/executions/${parse(started).id}`);
      const watch = new Watch(base, `${location}/stream`);
      await watch.done();
      expect((await send(base, 'GET', '/api/me', KEY)).status).toBe(200);
      // The host's own, or its 404.
      expect((await send(base, 'GET', '/docs')).body).toContain('Swagger UI');
      expect(JSON.parse((await send(base, 'GET', '/docs-json')).body)).toMatchObject({
        info: { title: 'The host' },
      });
      for (const path of ['/', '/health/live', '/metrics', '/api', '/api/cats', '/nowhere'])
        expect(parse(await send(base, 'GET', path))).toMatchObject({ message: `Cannot GET ${path}` });
    } finally {
      await host.close();
    }
  });
});

describe('the dashboard of a server inside a Nest application', () => {
  it('is served at the path, with URLs below it', async () => {
    const host = await createHost([ExecutionsModule.forRoot(await options({ dashboard: true }))]);
    try {
      const base = await host.getUrl();
      for (const path of ['/v1/agents', '/v1/agents/', '/v1/agents/executions', '/v1/agents/keys']) {
        const page = await send(base, 'GET', path, { accept: 'text/html' });
        expect(page.status).toBe(200);
        expect(page.body).toContain('<html data-base="/v1/agents" lang="en">');
        const urls = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
        expect(urls.length).toBeGreaterThan(3);
        for (const url of urls) expect((await send(base, 'GET', url)).status).toBe(200);
      }
      const missing = await send(base, 'GET', '/v1/agents/assets/nothing.js', { accept: 'text/html' });
      expect(parse(missing)).toMatchObject({
        code: 'route_not_found',
        instance: '/v1/agents/assets/nothing.js',
      });
      expect(parse(await send(base, 'GET', '/v1', { accept: 'text/html' }))).toMatchObject({
        statusCode: 404,
      });
    } finally {
      await host.close();
    }
  });
});

describe('two servers in one process', () => {
  it('do not meet, in one host or in two', async () => {
    const first = ExecutionsModule.forRoot(await options({ path: 'one', isGlobal: false }));
    const second = ExecutionsModule.forRoot(await options({ path: 'two', isGlobal: false }));
    const host = await createHost([first, second]);
    const other = await createHost([ExecutionsModule.forRoot(await options({ path: 'one' }))]);
    try {
      const base = await host.getUrl();
      const otherBase = await other.getUrl();
      const { id } = parse(await post(base, '/v1/one', transform('1')));
      const watch = new Watch(base, `/v1/one/api/executions/${id}/stream`);
      await watch.done();
      const statusOf = async (url: string, path: string) =>
        (await send(url, 'GET', `${path}/api/executions/${id}`, KEY)).status;
      expect(await statusOf(base, '/v1/one')).toBe(200);
      expect(await statusOf(base, '/v1/two')).toBe(404);
      expect(await statusOf(otherBase, '/v1/one')).toBe(404);
      const published = async (url: string, path: string) =>
        /events_published_total\{type="execution:completed"\} (\d+)/.exec(
          (await send(url, 'GET', `${path}/metrics`, KEY)).body,
        )?.[1];
      expect(await published(base, '/v1/one')).toBe('1');
      expect(await published(base, '/v1/two')).toBe('0');
      expect(await published(otherBase, '/v1/one')).toBe('0');
    } finally {
      await host.close();
      await other.close();
    }
  });

  it('cannot both be global, or have paths of which one is below the other', async () => {
    const global = [
      ExecutionsModule.forRoot(await options()),
      ExecutionsModule.forRoot(await options({ path: 'two' })),
    ];
    await expect(createHost(global)).rejects.toThrow(/isGlobal: false/);
    const nested = ['agents', 'agents/two'].map((path) =>
      ExecutionsModule.forRoot({ path, isGlobal: false, settings: {} }),
    );
    await expect(createHost(nested)).rejects.toThrow(/"\/agents" and "\/agents\/two"/);
  });
});

describe('the end of a host', () => {
  it('ends open streams with a hint to reconnect, also of clients that do not read', async () => {
    // The time limit is longer than a test may take, so that the end cannot wait for it.
    const settings = { SHUTDOWN_TIMEOUT_MS: '600000' };
    const host = await createHost([ExecutionsModule.forRoot(await options({ settings }))]);
    const base = await host.getUrl();
    const { id } = parse(await post(base, '/v1/agents', approval));
    const path = `/v1/agents/api/executions/${id}/stream`;
    const watch = new Watch(base, path);
    const deaf = new Watch(base, path, {}, true);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:step'));
    await host.close();
    await watch.done();
    expect(watch.endsWithRetry).toBe(true);
    deaf.close();
  });

  it('hands executions over, and a host that starts later continues them', async () => {
    const given = await options();
    const first = await createHost([ReportsModule, ExecutionsModule.forRoot(given)]);
    const { id } = parse(await post(await first.getUrl(), '/v1/agents', approval));
    const watch = new Watch(await first.getUrl(), `/v1/agents/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:step'));
    await first.close();
    const second = await createHost([ReportsModule, ExecutionsModule.forRoot(given)]);
    try {
      const base = await second.getUrl();
      const resumed = new Watch(base, `/v1/agents/api/executions/${id}/stream`);
      await resumed.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
      const approve = `/v1/agents/api/executions/${id}/approve`;
      const approved = await send(base, 'POST', approve, { ...KEY, ...JSON_TYPE }, '{"approved":true}');
      expect(approved.status).toBe(202);
      await resumed.done();
      expect(resumed.frames.at(-1)!.type).toBe('execution:completed');
    } finally {
      await second.close();
    }
  });
});

describe('a server inside another kind of host', () => {
  it('works in a testing module, whose HTTP adapter comes late', async () => {
    const module = await Test.createTestingModule({
      imports: [ExecutionsModule.forRoot(await options())],
    }).compile();
    const app = module.createNestApplication<NestExpressApplication>();
    await app.listen(0, '127.0.0.1');
    try {
      const started = await post(await app.getUrl(), '/agents', transform('1'));
      expect(started.status).toBe(202);
    } finally {
      await app.close();
    }
  });

  it('runs executions in a host without HTTP', async () => {
    const context = await NestFactory.createApplicationContext(ExecutionsModule.forRoot(await options()), {
      logger: false,
      abortOnError: false,
    });
    expect(context.get(ExecutionStarter)).toBeInstanceOf(ExecutionStarter);
    await context.close();
  });

  it.each([
    [{ settings: {} }, /DATABASE_URL.*DATA_DIR/],
    [{ settings: { DATABASE_URL: 'mysql://x', PORT: 'abc' } }, /PORT[^]*DATABASE_URL/],
    [
      { settings: { DATABASE_URL: 'postgres://localhost/x' }, engine: {} as never },
      /engine has no method run/,
    ],
  ])('refuses to start with wrong options: %j', async (given, message) => {
    await expect(createHost([ExecutionsModule.forRoot({ path: 'agents', ...given })])).rejects.toThrow(
      message,
    );
  });

  it('refuses a path that is a pattern, and a dashboard without a path', () => {
    expect(() => ExecutionsModule.forRoot({ path: ':tenant', settings: {} })).toThrow(/path is ":tenant"/);
    expect(() => ExecutionsModule.forRoot({ dashboard: true, settings: {} })).toThrow(/needs a path/);
  });
});
