import { Controller, Get, Logger, Module, Param, Post, Body, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { SignJWT } from 'jose';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { AllowTicket, CurrentPrincipal, Public, RequireScope } from '../../src/auth/access.decorators.js';
import { AuthModule } from '../../src/auth/auth.module.js';
import type { Principal } from '../../src/auth/principal.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { parseSettings } from '../../src/config/settings.js';
import { configureApp } from '../../src/configure-app.js';
import { DatabaseModule } from '../../src/database/database.module.js';
import { ExtensionDiscoveryModule } from '../../src/discovery/discovery.module.js';
import { NoContentSignal } from '../../src/problems/no-content.signal.js';
import { ProblemsModule } from '../../src/problems/problems.module.js';
import type { Body as AnswerBody } from './answer.js';
import { ADMIN_KEY, createDatabase } from './server.js';

export const SECRET = 'a-shared-secret-of-more-than-32-characters';
const Thing = z.object({ name: z.string(), nodes: z.array(z.object({ id: z.string() })).default([]) });
// @nestjs/throttler is CommonJS and requires @nestjs/common. Jest supports that only after @nestjs/common is loaded.
const { ThrottlingModule } = await import('../../src/throttling/throttling.module.js');
/** Emits the name of the route `forgotten` when it is reached. */
export const seen = new EventEmitter();

/** Has one route of each kind that the real controllers have. */
@Controller('api/things')
class ThingsController {
  @Get('mine')
  @RequireScope('executions:read')
  mine(@CurrentPrincipal() principal: Principal): Principal {
    return principal;
  }

  @Post()
  @RequireScope('executions:write')
  add(@Body({ schema: Thing }) thing: z.infer<typeof Thing>): unknown {
    return thing;
  }

  @Get('open')
  @Public()
  open(): { open: boolean } {
    return { open: true };
  }

  @Get('forgotten')
  forgotten(): void {
    seen.emit('forgotten');
  }

  @Get('broken')
  @Public()
  broken(): never {
    throw new Error('the secret is in /etc/passwd');
  }

  @Get('thrown/:what')
  @Public()
  thrown(@Param('what') what: string): never {
    throw { null: null, text: 'some text' }[what] as unknown;
  }

  @Sse('ended')
  @Public()
  ended(): Promise<Observable<never>> {
    return Promise.reject(new NoContentSignal());
  }

  @Get(':executionId/stream')
  @AllowTicket()
  @RequireScope('executions:read')
  stream(@CurrentPrincipal() principal: Principal): Principal {
    return principal;
  }
}

/** Boots the modules under test with the routes above. */
export async function boot(
  environment: Record<string, string> = {},
): Promise<{ app: NestExpressApplication; url: string }> {
  const settings = parseSettings({
    DATABASE_POOL_SIZE: '3',
    BOOTSTRAP_API_KEY: ADMIN_KEY,
    ...environment,
  });
  @Module({
    // In the order of AppModule, which is that of the guards.
    imports: [
      ConfigModule.forRoot(settings),
      ExtensionDiscoveryModule.forRoot(),
      DatabaseModule,
      AuthModule,
      ThrottlingModule,
      ProblemsModule,
    ],
    controllers: [ThingsController],
  })
  class TestModule {}
  const app = await NestFactory.create<NestExpressApplication>(TestModule, {
    bodyParser: false,
    abortOnError: false,
    logger: false,
  });
  try {
    configureApp(app, settings);
  } catch (error) {
    await app.close();
    throw error;
  }
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

/** An interval that is longer than a test may take, so that a test sees no revocation that only this check finds. */
export const NO_CREDENTIAL_CHECK = { CREDENTIAL_CHECK_INTERVAL_MS: '600000' };

/** Boots the modules on a new database, with JWTs, an allowed origin and a trusted proxy on loopback. */
export async function bootOnNewDatabase(): Promise<{
  app: NestExpressApplication;
  url: string;
  database: string;
}> {
  // The errors that the tests provoke would flood the report.
  Logger.overrideLogger(false);
  const database = await createDatabase();
  const booted = await boot({
    ...NO_CREDENTIAL_CHECK,
    DATABASE_URL: database,
    JWT_SECRET: SECRET,
    CORS_ORIGINS: 'https://app.example',
    TRUST_PROXY: 'loopback',
  });
  return { ...booted, database };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
export const admin = bearer(ADMIN_KEY);
export const JSON_TYPE = { 'content-type': 'application/json' };

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  code: string | undefined;
  body: AnswerBody;
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, text, code: body?.code, body };
}
/** Sends bytes that fetch would not send, and returns the first line of the answer. */
export async function callRaw(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request));
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  // The server may close the connection before it has read everything.
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return answer.split('\r\n')[0] ?? '';
}
/** Creates an API key. By default it may read executions of the project `demo`. */
export const makeKeyAt = (url: string, body: object = {}, as = admin) =>
  call(`${url}/api/keys`, {
    method: 'POST',
    headers: { ...as, ...JSON_TYPE },
    body: JSON.stringify({ name: 'k', projects: ['demo'], scopes: ['executions:read'], ...body }),
  });
/** Signs a JWT. By default it has most scopes for the project `demo`. */
export const jwt = (claims: Record<string, unknown>) =>
  new SignJWT({
    sub: 'ann',
    projects: ['demo'],
    scope: 'executions:read executions:write keys:manage',
    ...claims,
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
