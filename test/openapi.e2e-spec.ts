import { z } from 'zod';
import { PROBLEM_CODES } from '@cloutagent/contract';
import { createDatabase, Server } from './support/server.js';

interface Media {
  schema?: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  parameters: { in: string; name: string }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}

/** The parts of an OpenAPI document that the tests read. */
interface OpenApiDocument {
  info: { description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

describe('the OpenAPI document', () => {
  let server: Server;
  let document: OpenApiDocument;
  let operations: [route: string, operation: Operation][];

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    document = JSON.parse((await server.call('GET', '/docs/openapi.json')).text) as OpenApiDocument;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    );
  });
  afterAll(() => server.kill('SIGTERM'));

  it('has every route', () => {
    expect(operations.map(([route]) => route).toSorted()).toEqual(
      [
        'GET /api/executions',
        'POST /api/executions',
        'GET /api/executions/{executionId}',
        'GET /api/executions/{executionId}/workflow',
        'POST /api/executions/{executionId}/approve',
        'POST /api/executions/{executionId}/cancel',
        'GET /api/executions/{executionId}/events',
        'POST /api/executions/{executionId}/pause',
        'POST /api/executions/{executionId}/resume',
        'GET /api/executions/{executionId}/stream',
        'POST /api/executions/{executionId}/stream-tickets',
        'GET /api/executions/stream',
        'POST /api/executions/stream-tickets',
        'GET /api/keys',
        'GET /api/listeners',
        'GET /api/listeners/{name}/dead',
        'POST /api/listeners/{name}/replay',
        'POST /api/listeners/{name}/skip',
        'DELETE /api/listeners/{name}',
        'POST /api/keys',
        'GET /api/keys/{keyId}',
        'DELETE /api/keys/{keyId}',
        'GET /api/me',
        'GET /health/live',
        'GET /health/ready',
        'GET /metrics',
      ].toSorted(),
    );
  });

  it('shows a valid example of every request and answer', () => {
    for (const [route, { requestBody, responses }] of operations) {
      const bodies = [requestBody, ...Object.values(responses)].flatMap((body) =>
        Object.entries(body?.content ?? {}).map(([type, media]) => ({ type, media })),
      );
      for (const { type, media } of bodies) {
        const examples = [media.example, ...Object.values(media.examples ?? {}).map(({ value }) => value)];
        const shown = examples.filter((example) => example !== undefined);
        expect([route, type, shown.length > 0]).toEqual([route, type, true]);
        if (!type.includes('json')) continue;
        const schema = z.fromJSONSchema(standalone(media.schema ?? {}), { defaultTarget: 'openapi-3.0' });
        for (const example of shown)
          expect([route, schema.safeParse(example).error?.issues]).toEqual([route, undefined]);
      }
    }
  });

  it('lists the codes of every problem under their status', () => {
    for (const [route, { responses }] of operations) {
      for (const [status, { content }] of Object.entries(responses)) {
        const examples = content?.['application/problem+json']?.examples ?? {};
        if (Number(status) >= 400) expect([route, Object.keys(examples).length > 0]).toEqual([route, true]);
        for (const [code, { value }] of Object.entries(examples))
          expect(value).toMatchObject({ code, status: Number(status) });
      }
    }
  });

  it('names every problem code of the server', () => {
    const text = JSON.stringify(document);
    expect(Object.keys(PROBLEM_CODES).filter((code) => !text.includes(code))).toEqual([]);
    expect(document.info.description).toContain('`headers_too_large` (431)');
  });

  it('has the schemas of the events of a stream', () => {
    const stream = JSON.stringify(document.paths['/api/executions/{executionId}/stream']);
    expect(stream).toContain('execution:tool-call');
  });

  it('has a schema for every reference', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('names every query parameter of the lists and streams', () => {
    const names = (path: string) =>
      document.paths[path]!['get']!.parameters.filter((parameter) => parameter.in === 'query').map(
        ({ name }) => name,
      );
    expect(names('/api/executions')).toEqual(['projectId', 'status', 'tag', 'limit', 'cursor']);
    expect(names('/api/executions/{executionId}/stream')).toEqual(['lastEventId', 'types', 'ticket']);
    const multi = ['projectId', 'status', 'tag', 'executionIds', 'types', 'from', 'lastEventId', 'ticket'];
    expect(names('/api/executions/stream')).toEqual(multi);
  });

  /** Returns a schema of the document as a standalone schema, with the document's schemas as its definitions. */
  function standalone(schema: object): z.core.JSONSchema.JSONSchema {
    const whole = { allOf: [schema], definitions: document.components.schemas };
    const text = JSON.stringify(whole).replaceAll('#/components/schemas/', '#/definitions/');
    return JSON.parse(text) as z.core.JSONSchema.JSONSchema;
  }
});
