import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { ScopeRegistry } from './auth/scopes/scope-registry.js';
import { accessOf } from './access-of-route.js';
import { buildDocument } from './openapi/openapi.js';

/**
 * Serves Swagger UI at `/docs`, and the document at `/docs/openapi.json` and `/docs/openapi.yaml`.
 * @param basePath path under which another application mounts this one, such as `/agents`
 */
export function serveDocument(app: NestExpressApplication, basePath = ''): void {
  SwaggerModule.setup(
    'docs',
    app,
    () => buildDocument(app, { accessOf, basePath, scopes: app.get(ScopeRegistry).all() }),
    {
      jsonDocumentUrl: 'docs/openapi.json',
      yamlDocumentUrl: 'docs/openapi.yaml',
    },
  );
}
