import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import type { ComponentSchemas } from './component-schemas.js';
import type { Documentation, ErrorForm } from './documented.decorator.js';
import { headerReferences, HEADERS_OF_DEPRECATED, headersOfEvery, type ResponseHeader } from './headers.js';
import type { JsonSchema } from './json-schema.js';
import type { OperationObject, ParameterObject, ResponseObject } from './operation.js';
import { usualCodes } from './problem-codes.js';
import { type ProblemContent, problemResponses } from './problem-responses.js';
import type { RouteAccess } from './route-access.js';
import type { ScannedRoute } from './scanned-routes.js';
import { securityOf, withScope } from './security.js';

/**
 * Builds the operation of a route that has `@Documented`.
 * @param scanned what other decorators add: `@Deprecated` and `@ApiHeader`
 */
export function documentedOperation(
  { path, operation: scanned }: Pick<ScannedRoute, 'path' | 'operation'>,
  documentation: Documentation,
  access: RouteAccess,
  schemas: ComponentSchemas,
): OperationObject {
  const isDeprecated = scanned['deprecated'] === true;
  const { id, tag, summary, description, params = {}, query, requestHeaders = [], body } = documentation;
  const refusesQuery = !query && !documentation.anyQuery;
  const names = pathParameters(path);
  const codes = usualCodes(access, {
    params: names.length > 0,
    query: query !== undefined || refusesQuery,
    body: body !== undefined,
  });
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(isDeprecated && { deprecated: true }),
    description: withScope(description, access),
    ...securityOf(access),
    parameters: [
      ...names.map((name) => pathParameter(name, params[name] && schemas.convert(params[name], 'input'))),
      ...(query ? queryParameters(query, schemas) : []),
      ...requestHeaders.map((name) => ({ $ref: `#/components/parameters/${name}` })),
      ...((scanned.parameters ?? []) as ParameterObject[]).filter((parameter) => parameter.in === 'header'),
    ],
    ...(body && {
      requestBody: {
        required: body.required,
        content: {
          'application/json': { schema: schemas.convert(body.schema, 'input'), examples: body.examples },
        },
      },
    }),
    responses: {
      ...successes(
        documentation,
        [...headersOfEvery(access.isThrottled), ...(isDeprecated ? HEADERS_OF_DEPRECATED : [])],
        schemas,
      ),
      ...problemResponses(
        [...(documentation.errors ?? []), ...codes],
        access.isThrottled,
        documentation.errorForm && contentOf(documentation.errorForm, schemas),
      ),
    },
  };
}

const contentOf =
  ({ contentType, schema, example }: ErrorForm, schemas: ComponentSchemas): ProblemContent =>
  (codes) => ({
    [contentType]: {
      schema: schemas.convert(schema, 'output'),
      examples: Object.fromEntries(codes.map((code) => [code, { value: example(code) }])),
    },
  });

/** Returns the names of the parameters in a path such as `/api/keys/{keyId}`. */
export const pathParameters = (path: string): string[] =>
  [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);

export function pathParameter(name: string, schema: JsonSchema = { type: 'string' }): ParameterObject {
  const { description, ...rest } = schema;
  return {
    name,
    in: 'path',
    required: true,
    ...(description !== undefined && { description }),
    schema: rest,
  };
}

/**
 * A parameter that takes several values is one comma-separated text (`style: form`, `explode: false`). The schema shows it:
 * it parses a text to a list.
 */
function queryParameters(query: z.ZodType, schemas: ComponentSchemas): ParameterObject[] {
  const sent = schemas.inline(query, 'query');
  const parsed = schemas.inline(query, 'output').properties ?? {};
  return Object.entries(sent.properties ?? {}).map(([name, given]) => {
    const isList = parsed[name]?.type === 'array';
    const { description, examples, ...schema } = isList ? parsed[name]! : given;
    const [example] = (examples ?? []) as unknown[];
    return {
      name,
      in: 'query',
      required: sent.required?.includes(name) ?? false,
      ...(description !== undefined && { description }),
      ...(isList && { style: 'form', explode: false }),
      schema,
      ...(example !== undefined && {
        example: isList && typeof example === 'string' ? example.split(',') : example,
      }),
    };
  });
}

function successes(
  {
    status,
    repeated,
    noContent,
    response,
    contentType = 'application/json',
    examples,
    responseHeaders = [],
    alternatives = [],
  }: Documentation,
  always: readonly ResponseHeader[],
  schemas: ComponentSchemas,
): Record<string, ResponseObject> {
  const headers = headerReferences([...always, ...responseHeaders]);
  const answer = (code: number): ResponseObject => ({
    description: STATUS_CODES[code] ?? '',
    headers,
    ...(response && {
      content: {
        [contentType]: { schema: schemas.convert(response, 'output'), ...(examples && { examples }) },
      },
    }),
  });
  return {
    ...Object.fromEntries(
      alternatives.map(({ status: other, description, content }) => [
        other,
        {
          description,
          headers,
          content: Object.fromEntries(
            Object.entries(content).map(([type, { schema, examples: own }]) => [
              type,
              { schema: schemas.convert(schema, 'output'), ...(own && { examples: own }) },
            ]),
          ),
        },
      ]),
    ),
    [status]: answer(status),
    ...(repeated !== undefined && { [repeated]: answer(repeated) }),
    ...(noContent !== undefined && { 204: { description: noContent, headers: headerReferences(always) } }),
  };
}
