import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject } from '@nestjs/swagger';
import { Problem, PROBLEM_CODES } from '@cloutagent/contract';
import { ComponentSchemas } from './component-schemas.js';
import { documentedOperation } from './documented-operation.js';
import { documentationOf } from './documented.decorator.js';
import { foreignOperation } from './foreign-operation.js';
import { REQUEST_HEADERS, RESPONSE_HEADERS } from './headers.js';
import type { OperationObject } from './operation.js';
import { OF_NO_OPERATION } from './problem-codes.js';
import { problemExamples } from './problem-responses.js';
import type { AccessOf } from './route-access.js';
import { type ScannedRoute, scanRoutes } from './scanned-routes.js';
import { type DocumentedScope, securitySchemes } from './security.js';
import { shareResponses } from './shared-responses.js';
import { TAGS } from './tags.js';

const DESCRIPTION = `Runs AI-agent workflows and streams their events live, durably and exactly in order.

Errors are problems (RFC 9457, \`application/problem+json\`) with a stable \`code\`. Requests that reach no operation get ${OF_NO_OPERATION.map((code) => `\`${code}\` (${PROBLEM_CODES[code].status})`).join(', ')}.

Every path with GET also answers HEAD, with the same headers and without a body.`;

export interface DocumentSource {
  accessOf: AccessOf;
  /** Every scope: those of the server, and those that modules declare. */
  scopes: readonly DocumentedScope[];
}

/** Builds the OpenAPI 3.1 document of all routes, also those of modules of other teams. */
export function buildDocument(
  app: NestExpressApplication,
  { accessOf, scopes }: DocumentSource,
): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.1')
    .setTitle('CloutAgent Executions')
    .setDescription(DESCRIPTION)
    .setVersion('0.1.0')
    .addServer('/', 'This server')
    .build();
  const schemas = new ComponentSchemas();
  schemas.convert(Problem, 'output');
  const routes = scanRoutes(app);
  const operations = new Operations();
  // First the routes of the server, so that their ids and schemas keep their names whatever modules of other teams add.
  for (const route of routes.toSorted((a, b) => Number(isForeign(a)) - Number(isForeign(b)))) {
    const { path, controller, handler, operation, definitions } = route;
    const documentation = documentationOf(handler);
    const access = accessOf(handler, controller);
    operations.add(
      route,
      documentation
        ? documentedOperation(route, documentation, access, schemas)
        : foreignOperation(path, schemas.adopt(operation, definitions, 'input'), access, schemas),
    );
  }
  const { paths, responses } = shareResponses(operations.inOrder(routes));
  const used = <T>(kind: string, components: Record<string, T>): Record<string, T> =>
    usedIn(JSON.stringify([paths, responses]), kind, components);
  return {
    ...config,
    info: { ...config.info, license: { name: 'MIT', identifier: 'MIT' } as { name: string } },
    tags: operations.tags(),
    paths,
    components: {
      schemas: schemas.reachableFrom([paths, responses]),
      responses,
      parameters: used(
        'parameters',
        Object.fromEntries(
          Object.entries(REQUEST_HEADERS).map(([name, header]) => [name, { name, in: 'header', ...header }]),
        ),
      ),
      headers: used<object>('headers', RESPONSE_HEADERS),
      examples: used('examples', problemExamples()),
      securitySchemes: securitySchemes(scopes),
    },
  } as unknown as OpenAPIObject;
}

/** Returns the components that a part of the document refers to. */
const usedIn = <T>(part: string, kind: string, components: Record<string, T>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(components).filter(([name]) => part.includes(`"#/components/${kind}/${name}"`)),
  );

const isForeign = ({ handler }: ScannedRoute): boolean => documentationOf(handler) === undefined;

/** The operations of the document, each with a unique id. */
class Operations {
  private readonly operations = new Map<string, OperationObject>();
  private readonly ids = new Set<string>();

  add(route: ScannedRoute, operation: OperationObject): void {
    // Nest answers with the route that was registered first, and @nestjs/swagger shows the last one.
    const key = keyOf(route);
    if (this.operations.has(key)) return;
    let { operationId } = operation;
    for (let count = 2; this.ids.has(operationId); count++) operationId = `${operation.operationId}${count}`;
    this.ids.add(operationId);
    this.operations.set(key, { ...operation, operationId });
  }

  inOrder(routes: readonly ScannedRoute[]): Record<string, Record<string, OperationObject>> {
    const paths: Record<string, Record<string, OperationObject>> = {};
    for (const route of routes) (paths[route.path] ??= {})[route.method] = this.operations.get(keyOf(route))!;
    return paths;
  }

  /** Returns the tags of all operations. Those of modules of other teams have no description. */
  tags(): { name: string; description?: string }[] {
    const used = new Set([...this.operations.values()].flatMap(({ tags }) => tags ?? []));
    const known = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
    return [
      ...known,
      ...[...used]
        .filter((name) => !(name in TAGS))
        .map((name) => ({ name, description: `Routes of ${name}.` })),
    ];
  }
}

const keyOf = ({ method, path }: ScannedRoute): string => `${method} ${path}`;
