import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { OpenAPIObject } from '@nestjs/swagger';

const dist = new URL('../dist/', import.meta.url);
const load = async <M>(file: string): Promise<M> => (await import(new URL(file, dist).href)) as M;

/** Builds the OpenAPI document of the application from the build, without a database: no provider is created. */
export async function applicationDocument(): Promise<OpenAPIObject> {
  const { AppModule } = await load<typeof import('../src/app.module.ts')>('app.module.js');
  const { parseSettings } = await load<typeof import('../src/config/settings.ts')>('config/settings.js');
  const { buildDocument } = await load<typeof import('../src/openapi/openapi.ts')>('openapi/openapi.js');
  const { accessOf } = await load<typeof import('../src/access-of-route.ts')>('access-of-route.js');
  const settings = parseSettings({ DATABASE_URL: 'postgresql://localhost/none' });
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  const { BUILT_IN_SCOPES: scopes } = await load<typeof import('../src/auth/scopes/built-in-scopes.ts')>(
    'auth/scopes/built-in-scopes.js',
  );
  return buildDocument(app, { accessOf, scopes });
}
