import type { NestExpressApplication } from '@nestjs/platform-express';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { Request } from 'express';
import { ScopeRegistry } from './auth/scopes/scope-registry.js';
import { accessOf } from './access-of-route.js';
import { buildDocument } from './openapi/openapi.js';

/** Serves Swagger UI at `/docs`, and the document at `/docs/openapi.json` and `/docs/openapi.yaml`. */
export function serveDocument(app: NestExpressApplication): void {
  SwaggerModule.setup(
    'docs',
    app,
    () => buildDocument(app, { accessOf, scopes: app.get(ScopeRegistry).all() }),
    {
      jsonDocumentUrl: 'docs/openapi.json',
      yamlDocumentUrl: 'docs/openapi.yaml',
      patchDocumentOnRequest: (request: unknown, _response: unknown, document: OpenAPIObject) =>
        underPath(document, (request as Request).baseUrl),
    },
  );
}

/** Returns the document of a server at a path of another application, where all paths begin with that one. */
const underPath = (document: OpenAPIObject, path: string): OpenAPIObject =>
  path === ''
    ? document
    : { ...document, servers: (document.servers ?? []).map((server) => ({ ...server, url: path })) };
