import 'reflect-metadata';
import {
  Body,
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  Param,
  type PipeTransform,
  Post,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { Request } from 'express';
import { request } from 'node:http';

export const HOST_TOKEN = { 'x-host-token': 'yes' };

/** What the host's global pipe makes of a text, so that a test sees that it has run. */
const PIPED = 'piped ';

@Injectable()
class HostPipe implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? PIPED + value : value;
  }
}

@Injectable()
class HostGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<Request>().headers['x-host-token'] === 'yes';
  }
}

/** A provider of the host that listens to the host's own events. */
@Injectable()
class CatListener {
  readonly seen: unknown[] = [];

  @OnEvent('cat.created')
  onCreated(cat: unknown): void {
    this.seen.push(cat);
  }
}

@Controller('cats')
class CatsController {
  constructor(
    private readonly events: EventEmitter2,
    private readonly listener: CatListener,
  ) {}

  @Get(':id')
  show(@Param('id') id: string): object {
    return { id, seen: this.listener.seen.length };
  }

  @Post()
  create(@Body() cat: object): object {
    this.events.emit('cat.created', cat);
    return { cat, seen: this.listener.seen.length };
  }
}

/** An application as the Nest CLI makes it, with things that many applications add: all of them global. */
export async function createHost(
  imports: (DynamicModule | Type)[] = [],
  prefix: string | null = 'v1',
): Promise<NestExpressApplication> {
  // CommonJS, which Jest loads only once @nestjs/common is loaded.
  const { ThrottlerGuard, ThrottlerModule } = await import('@nestjs/throttler');

  @Module({
    imports: [
      EventEmitterModule.forRoot(),
      ThrottlerModule.forRoot([{ ttl: 3_600_000, limit: 1_000 }]),
      ...imports,
    ],
    controllers: [CatsController],
    providers: [
      CatListener,
      { provide: APP_GUARD, useClass: HostGuard },
      { provide: APP_GUARD, useClass: ThrottlerGuard },
    ],
  })
  class HostModule {}

  const app = await NestFactory.create<NestExpressApplication>(HostModule, {
    abortOnError: false,
    logger: false,
  });
  if (prefix !== null) app.setGlobalPrefix(prefix);
  app.useGlobalPipes(new HostPipe());
  app.enableCors({ origin: 'https://host.example' });
  const config = new DocumentBuilder().setTitle('The host').build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config));
  await app.listen(0, '127.0.0.1');
  return app;
}

export interface RawAnswer {
  status: number;
  /** Names and values in the order and the case in which they were sent. */
  headers: string[];
  body: string;
}

/** Sends a request and returns the answer as it was sent. */
export function send(
  base: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (data: string) => (text += data));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The requests whose answers must not change when the server is added to the host. */
export const HOST_REQUESTS: Parameters<typeof send> extends [string, ...infer Rest] ? Rest[] : never = [
  ['GET', '/v1/cats/1', HOST_TOKEN],
  ['HEAD', '/v1/cats/1', HOST_TOKEN],
  ['GET', '/v1/cats/1'],
  ['GET', '/v1/cats/1', { ...HOST_TOKEN, origin: 'https://host.example' }],
  ['OPTIONS', '/v1/cats', { origin: 'https://host.example', 'access-control-request-method': 'POST' }],
  ['POST', '/v1/cats', { ...HOST_TOKEN, 'content-type': 'application/json' }, '{"name":"Tom"}'],
  ['POST', '/v1/cats', { ...HOST_TOKEN, 'content-type': 'application/x-www-form-urlencoded' }, 'name=Tom'],
  ['POST', '/v1/cats', { ...HOST_TOKEN, 'content-type': 'application/json' }, '{"name"'],
  ['POST', '/v1/cats', { ...HOST_TOKEN, 'content-type': 'application/json' }, `"${'x'.repeat(200_000)}"`],
  ['POST', '/v1/cats', { ...HOST_TOKEN, 'content-type': 'application/json', expect: '100-continue' }, '{}'],
  ['GET', '/v1/nowhere', HOST_TOKEN],
  ['GET', '/nowhere'],
  ['GET', '/'],
  ['GET', '/health/live'],
  ['GET', '/v1/health/live'],
  ['GET', '/metrics'],
  ['GET', '/api/executions'],
  ['GET', '/agents/api/executions'],
  ['GET', '/v1/agentsandmore', HOST_TOKEN],
  ['GET', '/docs'],
  ['GET', '/docs/swagger-ui-init.js'],
  ['GET', '/docs-json'],
];
