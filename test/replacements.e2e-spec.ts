import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { randomUUID } from 'node:crypto';
import type { AppOptions } from '../src/app-options.js';
import { parseSettings } from '../src/config/settings.js';
import type { ExecutionEngine, RunOutcome } from '../src/engine/execution-engine.js';
import type { ExecutionRow } from '../src/engine/execution-row.js';
import { PriceTable } from '../src/engine/models/prices.js';
import { ControlRequests } from '../src/engine/run/control-requests.js';
import { completedExecution } from '../src/engine/run/execution-result.js';
import type { ExecutionLog } from '../src/engine/run/execution-log.js';
import { Takeover } from '../src/engine/run/takeover.js';
import type { Body } from './support/answer.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';
import { ids, start, upTo, Watch } from './support/watch.js';

const HEADERS = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };

async function serve(
  options: AppOptions,
  more: Record<string, string> = {},
): Promise<NestExpressApplication> {
  const settings = parseSettings({
    DATABASE_URL: await createDatabase(),
    BOOTSTRAP_API_KEY: ADMIN_KEY,
    ...more,
  });
  // CommonJS, which Jest loads only once @nestjs/common is loaded.
  const { createApp } = await import('../src/create-app.js');
  const app = await createApp(settings, options);
  await app.listen(0, '127.0.0.1');
  return app;
}

async function call(url: string, method: string, path: string, body?: object): Promise<Body> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: HEADERS,
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Body;
}

/** Answers each execution with its input. An input of "wait" runs until it is cancelled or this process stops. */
@Injectable()
class EchoEngine implements ExecutionEngine {
  private readonly running = new Map<string, { log: ExecutionLog; end: () => void }>();

  constructor(
    private readonly takeover: Takeover,
    private readonly requests: ControlRequests,
  ) {}

  async run(row: ExecutionRow, signal: AbortSignal): Promise<RunOutcome> {
    const taken = await this.takeover.start(row, () => undefined);
    if (!taken) return 'ended';
    const { log } = taken;
    const chunk = `${JSON.stringify(row.input)} by the engine of a team`;
    await log.append([{ type: 'execution:output', fields: { chunk, stepId: randomUUID(), nodeId: 'a' } }]);
    if (row.input !== 'wait') {
      const at = new Date();
      const result = completedExecution(row, log.state, row.input, at);
      const change = { status: 'completed', output: row.input, at: at.toISOString() } as const;
      await log.append([{ type: 'execution:completed', fields: { result } }], change);
      return 'ended';
    }
    const ended = Promise.withResolvers<RunOutcome>();
    this.running.set(row.id, { log, end: () => ended.resolve('ended') });
    signal.addEventListener('abort', () => ended.resolve('released'));
    return ended.promise;
  }

  async applyControl(executionIds: readonly string[]): Promise<void> {
    const { desiredStates } = await this.requests.read(executionIds.filter((id) => this.running.has(id)));
    for (const { id, desired_state } of desiredStates) {
      if (desired_state !== 'cancel') continue;
      const { log, end } = this.running.get(id)!;
      await log.append([{ type: 'execution:cancelled', fields: {} }], { status: 'cancelled' });
      end();
    }
  }

  committedSequence(executionId: string): number | undefined {
    return this.running.get(executionId)?.log.committedSequence;
  }
}

describe('an engine of a team', () => {
  let app: NestExpressApplication;
  let url: string;
  beforeAll(async () => {
    app = await serve({ engine: EchoEngine });
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  it('runs executions in place of the default one, and streams see its events', async () => {
    const { id } = await call(url, 'POST', '/api/executions', start([{ id: 'a', type: 'approval' }]));
    const watch = new Watch(url, `/api/executions/${id}/stream`);
    await watch.done();
    expect(ids(watch.frames)).toEqual(upTo(3));
    expect(watch.frames.map(({ type }) => type)).toEqual([
      'execution:started',
      'execution:output',
      'execution:completed',
    ]);
    expect(watch.frames[1]!.data.chunk).toBe('"hello" by the engine of a team');
    expect(await call(url, 'GET', `/api/executions/${id}`)).toMatchObject({
      status: 'completed',
      output: 'hello',
      lastSequence: 3,
    });
  });

  it('gets control requests', async () => {
    const body = { ...start([{ id: 'a', type: 'approval' }]), input: 'wait' };
    const { id } = await call(url, 'POST', '/api/executions', body);
    const watch = new Watch(url, `/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.length === 2);
    await call(url, 'POST', `/api/executions/${id}/cancel`, {});
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:cancelled');
  });

  it('may be an object', async () => {
    const seen: string[] = [];
    const engine: ExecutionEngine = {
      run: (row) => {
        seen.push(row.id);
        return Promise.resolve('lost');
      },
      applyControl: () => Promise.resolve(),
      committedSequence: () => undefined,
    };
    const other = await serve({ engine });
    try {
      const { id } = await call(
        await other.getUrl(),
        'POST',
        '/api/executions',
        start([{ id: 'a', type: 'approval' }]),
      );
      while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(seen).toEqual([id]);
    } finally {
      await other.close();
    }
  });
});

/** Counts hits for every server that uses it, as a storage in Redis would. */
class SharedStorage implements ThrottlerStorage {
  private readonly hits = new Map<string, number>();

  increment(key: string, ttl: number, limit: number): ReturnType<ThrottlerStorage['increment']> {
    const totalHits = (this.hits.get(key) ?? 0) + 1;
    this.hits.set(key, totalHits);
    const seconds = Math.ceil(ttl / 1000);
    const isBlocked = totalHits > limit;
    return Promise.resolve({
      totalHits,
      timeToExpire: seconds,
      isBlocked,
      timeToBlockExpire: isBlocked ? seconds : 0,
    });
  }
}

describe('a storage of the throttler', () => {
  it('makes two servers count together', async () => {
    const storage = new SharedStorage();
    const settings = { RATE_LIMIT_REQUESTS: '3', DATABASE_URL: await createDatabase() };
    const servers = [
      await serve({ throttlerStorage: storage }, settings),
      await serve({ throttlerStorage: storage }, settings),
    ];
    try {
      const urls = await Promise.all(servers.map((server) => server.getUrl()));
      const statuses: number[] = [];
      for (const url of [urls[0]!, urls[1]!, urls[0]!, urls[1]!])
        statuses.push((await fetch(`${url}/api/me`, { headers: HEADERS })).status);
      expect(statuses).toEqual([200, 200, 200, 429]);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });
});

describe('the option prices', () => {
  it('adds prices and overrides built-in ones; MODEL_PRICES overrides both', async () => {
    const prices = {
      'acme/large': { input: 2, output: 8 },
      'acme/small': { input: 1, output: 1 },
      'anthropic/claude-haiku-4-5': { input: 100, output: 100 },
    };
    const app = await serve({ prices }, { MODEL_PRICES: '{"acme/small":{"input":3,"output":3}}' });
    try {
      const table = app.get(PriceTable, { strict: false });
      const million = { input: 1_000_000, output: 1_000_000 };
      expect(table.costUSD('acme/large', million)).toBe(10);
      expect(table.costUSD('acme/small', million)).toBe(6);
      expect(table.costUSD('anthropic/claude-haiku-4-5', million)).toBe(200);
      expect(table.costUSD('anthropic/claude-opus-5', million)).toBe(30);
    } finally {
      await app.close();
    }
  });

  it.each([
    [{ prices: { 'acme/large': { input: -1, output: 1 } } }, /price of acme\/large/],
    [{ prices: { 'acme/large': {} as never } }, /price of acme\/large/],
    [{ throttlerStorage: {} as never }, /no method increment/],
    [{ auth: {} as never }, /auth must be a function/],
    [{ engine: Map as never }, /engine has no method run/],
  ] satisfies [AppOptions, RegExp][])(
    'are refused if they are wrong, as other options are: %j',
    async (options, message) => {
      await expect(serve(options)).rejects.toThrow(message);
    },
  );
});
