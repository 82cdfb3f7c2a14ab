import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { ALWAYS } from './problem-codes.js';

type SchemaObject = Exclude<
  Parameters<typeof ApiResponse>[0] extends infer O ? (O extends { schema: infer S } ? S : never) : never,
  undefined
>;

/** A Zod schema as OpenAPI 3.0 has it. */
const toOpenApi = (schema: z.ZodType, io: 'input' | 'output' = 'output'): SchemaObject => {
  const { $schema: _dropped, ...rest } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    unrepresentable: 'any',
    io,
    reused: 'inline',
    cycles: 'ref',
  });
  return inline(rest) as SchemaObject;
};

/** References into a schema's own definitions lead nowhere once it is part of a document: they are put in place. */
function inline(schema: Record<string, unknown>): unknown {
  const definitions = (schema['$defs'] ?? schema['definitions'] ?? {}) as Record<string, unknown>;
  const put = (value: unknown, inside: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => put(item, inside));
    if (typeof value !== 'object' || value === null) return value;
    const reference = (value as { $ref?: string }).$ref;
    if (reference !== undefined) {
      const name = reference.split('/').at(-1)!;
      // A schema inside itself, as JSON is: any value.
      return inside.includes(name) || !(name in definitions) ? {} : put(definitions[name], [...inside, name]);
    }
    return Object.fromEntries(
      Object.entries(value)
        // A property may be called id; a schema's own id is text.
        .filter(
          ([key, item]) =>
            key !== '$defs' && key !== 'definitions' && !(key === 'id' && typeof item === 'string'),
        )
        .map(([key, item]) => [key, put(item, inside)]),
    );
  };
  return put(schema, []);
}

export interface Documentation {
  summary: string;
  description?: string;
  status: number;
  /** Its parameters are named one by one. */
  query?: z.ZodType;
  response?: z.ZodType;
  /** A response as it comes; text for anything but JSON. */
  example?: unknown;
  /** Codes of the problems it may answer with, besides those that any route may. */
  errors?: readonly ProblemCode[];
  contentType?: string;
  /** Whether it asks for no credential. */
  open?: boolean;
  /** Whether every good credential will do, whatever its scopes. */
  anyScope?: boolean;
}

/** What OpenAPI says of a route. */
export function Documented({
  summary,
  description,
  status,
  query,
  response,
  example,
  errors = [],
  contentType = 'application/json',
  open = false,
  anyScope = false,
}: Documentation): MethodDecorator {
  const content = {
    ...(response && { schema: toOpenApi(response) }),
    ...(example !== undefined && { example }),
  };
  const always = ALWAYS.filter((code) => !anyScope || code !== 'insufficient_scope');
  const byStatus = Map.groupBy([...errors, ...(open ? [] : always)], (code) => PROBLEM_CODES[code].status);
  return applyDecorators(
    ...(open ? [] : [ApiBearerAuth()]),
    ...(query ? parametersOf(query) : []),
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
