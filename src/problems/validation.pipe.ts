import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { ValidationFailedError } from './problem.error.js';
import { checkAsync, MAX_PROBLEMS, type SchemaProblem } from './schema-problems.js';

type Schema = NonNullable<ArgumentMetadata['schema']>;

/**
 * Validates parameters, queries and bodies that have a schema, and replaces them by the parsed value. Throws
 * ValidationFailedError with the first 100 errors. An unknown member of a strict object is an error that names the nearest
 * known one.
 *
 * Unlike Nest's pipe, it keeps members named `constructor`, `prototype` or `__proto__`, which an input may have. They are
 * safe to keep: the schemas decide which members are accepted, and objects are not merged.
 */
@Injectable()
export class ValidationPipe implements PipeTransform {
  async transform(value: unknown, { schema, type, data: name }: ArgumentMetadata): Promise<unknown> {
    if (!schema || type === 'custom') return value;
    const { data, problems } = await checkWith(schema, value);
    if (!problems) return data;
    throw new ValidationFailedError(
      problems.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({
        // The value of a path parameter is not an object that has its name.
        path: [...(type === 'param' && name !== undefined ? [name] : []), ...path].map(String).join('.'),
        message: type === 'query' ? `${message}${listHint(path)}` : message,
      })),
    );
  }
}

/** Uses the schema itself if it is not Zod's (https://standardschema.dev). */
async function checkWith(
  schema: Schema,
  value: unknown,
): Promise<{ data?: unknown; problems?: SchemaProblem[] }> {
  if (isZod(schema)) return checkAsync(schema, value);
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return { data: result.value };
  const problems = result.issues.map(({ path = [], message }) => ({
    path: path.map((segment) => (typeof segment === 'object' ? segment.key : segment)),
    message,
  }));
  return { problems };
}

const isZod = (schema: Schema): schema is Schema & z.ZodType => '_zod' in schema;

/** Explains how to write lists if a parameter is written as `name[]`, as some clients do. */
const listHint = (path: readonly PropertyKey[]): string =>
  String(path[0]).endsWith(']') ? ' Write lists as name=a,b' : '';
