import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { PROBLEM_CODES } from '@cloutagent/contract';
import { OF_THE_SERVER } from './problem-codes.js';
import { documentScopes } from './required-scope.js';

type Scopes = Parameters<typeof documentScopes>[1];

/** Builds the OpenAPI document of all routes from the contract's schemas. */
function buildDocument(app: NestExpressApplication, scopes: Scopes): OpenAPIObject {
  const codes = OF_THE_SERVER.map((code) => `\`${code}\` (${PROBLEM_CODES[code].status})`).join(', ');
  const config = new DocumentBuilder()
    .setTitle('CloutAgent Executions')
    .setDescription(
      'Runs AI-agent workflows and streams their events live, durably and exactly in order. ' +
        `Errors are RFC 9457 problems. In addition to the codes of each route, any request may get ${codes}.`,
    )
    .setVersion('0.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key or a JWT.' })
    .build();
  const document = SwaggerModule.createDocument(app, config);
  // @nestjs/swagger 12 adds one parameter without a name for a query's schema. `Documented` adds all parameters by name.
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path as Record<string, { parameters?: { name?: string }[] }>))
      operation.parameters = (operation.parameters ?? []).filter(({ name }) => name !== undefined);
  }
  documentScopes(document, scopes);
  return document;
}

/**
 * Serves Swagger UI at `/docs` and the document at `/docs/openapi.json`.
 * @param scopes called when the document is first requested; returns every scope
 */
export function serveDocument(app: NestExpressApplication, scopes: () => Scopes): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app, scopes()), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}
