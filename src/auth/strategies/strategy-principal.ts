import { ProjectId } from '@cloutagent/contract';
import { z } from 'zod';
import { messageOf } from '../../logging/error-info.js';
import { isPrintable, type Principal } from '../principal.js';

/** A time before this, in ms, is a mistake: a time in seconds, for example, would be in January 1970. */
const YEAR_1973 = 100_000_000_000;

const schemaOf = (isScope: (name: string) => boolean) =>
  z.object({
    id: z.string().min(1).max(255).refine(isPrintable, 'has characters that cannot be printed'),
    name: z.string().max(255).refine(isPrintable, 'has characters that cannot be printed').optional(),
    projects: z.array(z.union([z.literal('*'), ProjectId])).max(1_000),
    scopes: z.array(z.string().refine(isScope, 'is not a scope of this server')).max(1_000),
    expiresAt: z
      .int()
      .nullable()
      .refine((at) => at === null || at >= YEAR_1973, 'must be in milliseconds since the epoch'),
  });

/** A strategy returned something that is not a principal. The message says what is wrong, without its values. */
export class InvalidPrincipalError extends Error {
  override readonly name = 'InvalidPrincipalError';
}

/**
 * Checks what a strategy returned, and puts the strategy's name before the id, so that the principals of strategies, keys
 * and JWTs never equal each other.
 * @throws InvalidPrincipalError
 */
export function strategyPrincipal(
  returned: unknown,
  strategy: string,
  isScope: (name: string) => boolean,
): Principal {
  const { id, name, projects, scopes, expiresAt } = parse(returned, isScope);
  return {
    id: `${strategy}:${id}`,
    ...(name !== undefined && { name }),
    projects,
    scopes,
    expiresAt,
  };
}

function parse(returned: unknown, isScope: (name: string) => boolean): z.infer<ReturnType<typeof schemaOf>> {
  let problems: string[];
  try {
    const { data, error } = schemaOf(isScope).safeParse(returned);
    if (data) return data;
    problems = error.issues.map(({ path, message }) => `${path.join('.') || 'the value'}: ${message}`);
  } catch (error) {
    // A getter of the returned object has thrown.
    problems = [messageOf(error)];
  }
  throw new InvalidPrincipalError(`it returned a principal that is not valid: ${problems.join('; ')}`);
}
