import { z } from 'zod';
import type { ConfigCheck, ConfigProblem } from '../extension/node-handler.js';
import { isTemplate } from '../extension/template.js';
import type { JsonSchemas } from './json-schemas.js';

/** A hundred years, so that the time is one that PostgreSQL and JavaScript can represent. */
const MAX_MS = 100 * 365 * 86_400_000;

/** After which time a wait expires. */
export const ExpiresInMs = z.int().min(1).max(MAX_MS).meta({
  description: 'The wait expires after this time, in ms. Default: never.',
});

/**
 * Finds what is wrong with the member `schema` of a config. A schema with placeholders is checked when a value comes, because
 * it is known only then.
 */
export async function schemaProblems(
  schemas: JsonSchemas,
  schema: Record<string, unknown> | undefined,
  check: Pick<ConfigCheck, 'projectId' | 'request'>,
): Promise<ConfigProblem[]> {
  if (schema === undefined || isTemplate(JSON.stringify(schema))) return [];
  const problems = await schemas.check(schema, check);
  return problems.map((problem) => ({ ...problem, path: ['schema', ...problem.path] }));
}
