import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { PROBLEM_CODES } from '@cloutagent/contract';
import type { Request } from 'express';
import { OF_THE_SERVER } from './problem-codes.js';

/** Builds the OpenAPI document of all routes from the contract's schemas. */
function buildDocument(app: NestExpressApplication): OpenAPIObject {
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
  return document;
}

/** Serves Swagger UI at `/docs` and the document at `/docs/openapi.json`. */
export function serveDocument(app: NestExpressApplication): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    // Below another application, the paths of the document begin at the path of the server there.
    patchDocumentOnRequest: (request: unknown, _response: unknown, document: OpenAPIObject) => {
      const { baseUrl } = request as Request;
      return baseUrl === '' ? document : { ...document, servers: [{ url: baseUrl }] };
    },
  });
}
