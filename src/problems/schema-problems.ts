import { z } from 'zod';
import { nearestName } from '../common/spelling.js';

/** A reason why a value does not match its schema. */
export interface SchemaProblem {
  path: PropertyKey[];
  message: string;
}

export type Checked<T> =
  { success: true; data: T; problems?: never } | { success: false; data?: never; problems: SchemaProblem[] };

/** Requests report no more problems than this, so more unknown members than this are not compared with known names. */
export const MAX_PROBLEMS = 100;
/** Longer names are cut: a name may be as long as a body, and problems repeat it. */
const NAME_MAX_LENGTH = 100;

/**
 * Checks a value against a schema. Unlike `safeParse`, it reports each unknown member of a strict object as a problem of
 * its own, with its path and the nearest known name.
 * @throws z.core.$ZodAsyncError if the schema is asynchronous
 */
export function check<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const names = new KnownNames();
  return names.describe(z.safeParse(schema, value, { error: names.collect }));
}

/** Does the same as `check` for schemas that may be asynchronous. A synchronous schema is checked at once, which is faster. */
export async function checkAsync<T>(schema: z.ZodType<T>, value: unknown): Promise<Checked<T>> {
  try {
    return check(schema, value);
  } catch (error) {
    if (!(error instanceof z.core.$ZodAsyncError)) throw error;
    const names = new KnownNames();
    return names.describe(await z.safeParseAsync(schema, value, { error: names.collect }));
  }
}

/** The members that the objects of a schema know. Zod's issues about unknown members do not have them. */
class KnownNames {
  /** By the issue's list of unknown members, which the final issue has too. */
  private readonly byKeys = new Map<readonly string[], readonly string[]>();

  /** Zod calls this for every issue that has no message of its schema. */
  readonly collect: z.core.$ZodErrorMap = (issue) => {
    if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject)
      this.byKeys.set(issue.keys, Object.keys(issue.inst.shape));
    return messageOf(issue);
  };

  describe<T>(result: z.ZodSafeParseResult<T>): Checked<T> {
    if (result.success) return { success: true, data: result.data };
    const problems = result.error.issues.flatMap((issue): SchemaProblem[] => {
      if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }];
      const known = this.byKeys.get(issue.keys) ?? [];
      return issue.keys.slice(0, MAX_PROBLEMS).map((name) => ({
        path: [...issue.path, shortened(name)],
        message: unknownName(name, known),
      }));
    });
    return { success: false, problems };
  }
}

/** Replaces those messages of Zod that do not say what to do. */
function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'is required';
  if (issue.code === 'invalid_format' && issue.format === 'datetime')
    return 'must be a time in ISO 8601 and UTC, such as 2026-11-23T18:00:00Z';
  if (issue.code === 'too_small' && issue.origin === 'array' && issue.minimum === 1)
    return 'must have at least one item';
  return undefined;
}

/** Says that a name is not known and which one was probably meant. Without a similar one, it lists the known names. */
function unknownName(name: string, known: readonly string[]): string {
  // Some clients write the list `name` as `name[]=a&name[]=b` in a query.
  const nearest = nearestName(name.replace(/\[.*$/, ''), known);
  if (nearest !== undefined) return `is not known: did you mean ${nearest}?`;
  return known.length === 0
    ? 'is not known: remove it'
    : `is not known: remove it, or use one of ${known.join(', ')}`;
}

/** Cuts a name at 100 characters. */
export const shortened = (name: string): string =>
  name.length > NAME_MAX_LENGTH ? `${name.slice(0, NAME_MAX_LENGTH)}…` : name;
