import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { PROBLEM_CODES } from '@cloutagent/contract';
import { OF_THE_SERVER } from './problem-codes.js';

/** The document of every route, made from the contract's schemas. */
function buildDocument(app: NestExpressApplication): OpenAPIObject {
  const codes = OF_THE_SERVER.map((code) => `\`${code}\` (${PROBLEM_CODES[code].status})`).join(', ');
  const config = new DocumentBuilder()
    .setTitle('CloutAgent Executions')
    .setDescription(
      'Runs AI-agent workflows and streams what they do: live, durable and exactly in order. ' +
        `Errors are RFC 9457 problems. Besides the codes of each route there are ${codes}.`,
    )
    .setVersion('0.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key or a JWT.' })
    .build();
  const document = SwaggerModule.createDocument(app, config);
  // @nestjs/swagger 12 makes of a query's schema one parameter without a name; `Documented` names them all.
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path as Record<string, { parameters?: { name?: string }[] }>))
      operation.parameters = (operation.parameters ?? []).filter(({ name }) => name !== undefined);
  }
  return document;
}

/** Serves the page at `/docs` and the document at `/docs/openapi.json`. */
export function serveDocument(app: NestExpressApplication): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}
