import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The document of every route, made from the contract's schemas. */
function buildDocument(app: NestExpressApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('CloutAgent Executions')
    .setDescription(
      'Runs AI-agent workflows and streams what they do: live, durable and exactly in order. Errors are RFC 9457 problems.',
    )
    .setVersion('0.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key or a JWT.' })
    .build();
  return SwaggerModule.createDocument(app, config);
}

/** Serves the page at `/docs` and the document at `/docs/openapi.json`. */
export function serveDocument(app: NestExpressApplication): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}
