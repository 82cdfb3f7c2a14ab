import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { NoQuery } from './no-query.decorator.js';
import { ALWAYS } from './problem-codes.js';

type SchemaObject = Exclude<
  Parameters<typeof ApiResponse>[0] extends infer O ? (O extends { schema: infer S } ? S : never) : never,
  undefined
>;

/** Converts a Zod schema to an OpenAPI 3.0 schema. */
const toOpenApi = (schema: z.ZodType, io: 'input' | 'output' = 'output'): SchemaObject => {
  const { $schema: _removed, ...rest } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    unrepresentable: 'any',
    io,
    reused: 'inline',
    cycles: 'ref',
  });
  return inline(rest) as SchemaObject;
};

/** Replaces references to a schema's own definitions by the definitions. They would be dangling in the whole document. */
function inline(schema: Record<string, unknown>): unknown {
  const definitions = (schema['$defs'] ?? schema['definitions'] ?? {}) as Record<string, unknown>;
  const resolve = (value: unknown, parents: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => resolve(item, parents));
    if (typeof value !== 'object' || value === null) return value;
    const reference = (value as { $ref?: string }).$ref;
    if (reference !== undefined) {
      const name = reference.split('/').at(-1)!;
      // A schema that refers to itself, such as the schema of any JSON, is replaced by `{}`, which admits any value.
      return parents.includes(name) || !(name in definitions)
        ? {}
        : resolve(definitions[name], [...parents, name]);
    }
    return Object.fromEntries(
      Object.entries(value)
        // Removes a schema's own id, which is a string. A property named id has a schema, which is an object.
        .filter(
          ([key, item]) =>
            key !== '$defs' && key !== 'definitions' && !(key === 'id' && typeof item === 'string'),
        )
        .map(([key, item]) => [key, resolve(item, parents)]),
    );
  };
  return resolve(schema, []);
}

export interface Documentation {
  summary: string;
  description?: string;
  status: number;
  /**
   * Schema of the query. The OpenAPI document lists its members as separate parameters. Without it, a request with a query
   * is refused.
   */
  query?: z.ZodType;
  /** Whether the route ignores its query. Health checks and scrapers of metrics may add parameters of their own. */
  anyQuery?: boolean;
  response?: z.ZodType;
  /** Example of a response: a value for JSON, a string for any other content type. */
  example?: unknown;
  /** Codes of the problems of this route, in addition to those of every route. */
  errors?: readonly ProblemCode[];
  contentType?: string;
  /** Whether the route needs no credential. */
  open?: boolean;
  /** Whether the route accepts every valid credential, whatever its scopes. */
  anyScope?: boolean;
}

/** Describes a route in the OpenAPI document. */
export function Documented({
  summary,
  description,
  status,
  query,
  anyQuery = false,
  response,
  example,
  errors: given = [],
  contentType = 'application/json',
  open = false,
  anyScope = false,
}: Documentation): MethodDecorator {
  const content = {
    ...(response && { schema: toOpenApi(response) }),
    ...(example !== undefined && { example }),
  };
  const refusesQuery = !query && !anyQuery;
  const errors = refusesQuery ? new Set<ProblemCode>(['validation_failed', ...given]) : given;
  const always = ALWAYS.filter((code) => !anyScope || code !== 'insufficient_scope');
  const byStatus = Map.groupBy([...errors, ...(open ? [] : always)], (code) => PROBLEM_CODES[code].status);
  return applyDecorators(
    ...(open ? [] : [ApiBearerAuth()]),
    ...(query ? parametersOf(query) : []),
    NoQuery(refusesQuery),
    ApiOperation({ summary, ...(description !== undefined && { description }) }),
    ApiResponse({
      status,
      description: STATUS_CODES[status] ?? '',
      ...(response && { content: { [contentType]: content } }),
    }),
    ...[...byStatus].map(([problemStatus, codes]) =>
      ApiResponse({
        status: problemStatus,
        description: `${STATUS_CODES[problemStatus]}: ${codes.join(', ')}`,
        content: {
          'application/problem+json': {
            schema: toOpenApi(Problem),
            examples: Object.fromEntries(codes.map((code) => [code, { value: problemExample(code) }])),
          },
        },
      }),
    ),
  );
}

function parametersOf(query: z.ZodType): MethodDecorator[] {
  const { properties = {}, required = [] } = toOpenApi(query, 'input') as {
    properties?: Record<string, SchemaObject & { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) =>
    ApiQuery({
      name,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: schema as SchemaObject,
    }),
  );
}

function problemExample(code: ProblemCode): Problem {
  const { status, text: detail } = PROBLEM_CODES[code];
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? '',
    status,
    detail,
    code,
    instance: '/api/executions',
    requestId: '0c1de5d8-5a43-4c2e-9b0f-7d2b1f6a9e31',
    ...(code === 'validation_failed' && {
      errors: [
        {
          path: 'workflow.edges',
          message: 'a workflow must not contain a cycle; this one has a -> b -> a',
        },
      ],
    }),
  };
}
