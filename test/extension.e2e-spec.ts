import 'reflect-metadata';
import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import type { ExecutionEvent, Json } from '@cloutagent/contract';
import { z } from 'zod';
import { parseSettings } from '../src/config/settings.js';
import { NodeHandler } from '../src/engine/extension/node-handler.decorator.js';
import { type NodeRun, type NodeType, TransientError } from '../src/engine/extension/node-handler.js';
import { OnExecutionEvent } from '../src/events/on-execution-event.decorator.js';
import { StreamHub } from '../src/streaming/stream-hub.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';
import { ids, start, upTo, Watch } from './support/watch.js';

const UppercaseConfig = z.strictObject({ text: z.string(), failures: z.int().default(0) });
type UppercaseConfig = z.infer<typeof UppercaseConfig>;

/** A node type as another team would write it. */
@NodeHandler('uppercase')
class UppercaseNode implements NodeType<UppercaseConfig> {
  readonly config = UppercaseConfig;

  async run(run: NodeRun<UppercaseConfig>): Promise<Json> {
    if (run.attempt <= run.config.failures) throw new TransientError('not_yet', 'Not yet.');
    await run.emit({ type: 'execution:output', chunk: run.config.text.toUpperCase() });
    return run.config.text.toUpperCase();
  }
}

@Injectable()
class Audit {
  readonly completed: ExecutionEvent[] = [];

  @OnExecutionEvent('execution:completed')
  record(event: ExecutionEvent): void {
    this.completed.push(event);
  }
}

/** Catches everything, as filters that report errors to a service do. */
@Catch()
class TeamFilter implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Response>().status(418).send('from the filter of the team');
  }
}

@Module({ providers: [UppercaseNode, Audit, { provide: APP_FILTER, useClass: TeamFilter }] })
class TeamModule {}

describe('a module of another team', () => {
  let app: NestExpressApplication;
  let base: string;
  beforeAll(async () => {
    const settings = parseSettings({
      DATABASE_URL: await createDatabase(),
      BOOTSTRAP_API_KEY: ADMIN_KEY,
      RETRY_BASE_MS: '5',
    });
    // The application as it is shipped. Its throttler is CommonJS, which Jest loads only once @nestjs/common is loaded.
    const { createApp } = await import('../src/create-app.js');
    app = await createApp(settings, [TeamModule]);
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
  });
  afterAll(() => app.close());

  const run = async (config: object): Promise<{ id: string; watch: Watch }> => {
    const response = await fetch(`${base}/api/executions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(start([{ id: 'a', type: 'uppercase', data: { config } }])),
    });
    const { id } = (await response.json()) as { id: string };
    return { id, watch: new Watch(base, `/api/executions/${id}/stream`) };
  };

  it('adds a node type and listens to events', async () => {
    const { id, watch } = await run({ text: '{{input}}', failures: 1 });
    await watch.done();
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(watch.frames.at(-1)!.data.result).toMatchObject({
      output: 'HELLO',
      steps: [{ status: 'retrying' }, { status: 'completed', attempt: 2 }],
    });
    expect(app.get(Audit, { strict: false }).completed).toMatchObject([
      { type: 'execution:completed', executionId: id, sequence: watch.frames.length },
    ]);
  });

  it.each(['/api/executions/none', '/nowhere', '/api/executions'])(
    'does not change the shape of problems with a filter of its own: %s',
    async (path) => {
      const authorization = path === '/api/executions' ? 'Bearer wrong' : `Bearer ${ADMIN_KEY}`;
      const response = await fetch(`${base}${path}`, { headers: { authorization } });
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await response.json()).toHaveProperty('code');
    },
  );

  it('can see that a channel is released when its last client disconnects', async () => {
    const hub = app.get(StreamHub, { strict: false });
    const response = await fetch(`${base}/api/executions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(start([{ id: 'wait', type: 'approval' }])),
    });
    const { id } = (await response.json()) as { id: string };
    const watches = await Promise.all(
      [1, 2, 3].map(() =>
        new Watch(base, `/api/executions/${id}/stream`).until((now) => now.frames.length >= 2),
      ),
    );
    expect([hub.hasExecution(id), hub.getClientCount(id)]).toEqual([true, 3]);
    for (const watch of watches) watch.close();
    const deadline = Date.now() + 20_000;
    while (hub.hasExecution(id) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect([hub.hasExecution(id), hub.getClientCount(id)]).toEqual([false, 0]);
  });
});
