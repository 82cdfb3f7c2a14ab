import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Problem } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

type SchemaObject = Exclude<
  Parameters<typeof ApiResponse>[0] extends infer O ? (O extends { schema: infer S } ? S : never) : never,
  undefined
>;

/** A Zod schema as OpenAPI 3.0 has it. */
const toOpenApi = (schema: z.ZodType): SchemaObject => {
  const { $schema: _dropped, ...rest } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    unrepresentable: 'any',
    io: 'output',
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
        .filter(([key]) => key !== '$defs' && key !== 'definitions' && key !== 'id')
        .map(([key, item]) => [key, put(item, inside)]),
    );
  };
  return put(schema, []);
}

export interface Documentation {
  summary: string;
  description?: string;
  status: number;
  response?: z.ZodType;
  /** Statuses that come as a Problem. */
  errors: readonly number[];
  contentType?: string;
}

/** What OpenAPI says of a route. */
export function Documented({
  summary,
  description,
  status,
  response,
  errors,
  contentType = 'application/json',
}: Documentation): MethodDecorator {
  return applyDecorators(
    ApiBearerAuth(),
    ApiOperation({ summary, ...(description !== undefined && { description }) }),
    ApiResponse({
      status,
      description: STATUS_CODES[status] ?? '',
      ...(response && { content: { [contentType]: { schema: toOpenApi(response) } } }),
    }),
    ...errors.map((error) =>
      ApiResponse({
        status: error,
        description: STATUS_CODES[error] ?? '',
        content: { 'application/problem+json': { schema: toOpenApi(Problem) } },
      }),
    ),
  );
}
