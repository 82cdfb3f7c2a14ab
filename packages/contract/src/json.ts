import { z } from 'zod';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * Any JSON value, kept unchanged. Strings may hold any Unicode text; they are escaped on the wire (RFC 8259).
 * `z.json()` is not used because it returns a copy without the members called `__proto__`.
 */
export const Json = z.unknown().refine(isJson, 'must be JSON').meta({
  id: 'Json',
  description:
    'Any JSON value. An integer beyond 2^53 - 1 that a double cannot hold exactly is refused: send it as a string.',
}) as unknown as z.ZodType<Json>;

/** Checks level by level, without recursion, so that deep values cannot overflow the stack. */
function isJson(value: unknown): boolean {
  for (let level = [value]; level.length > 0;) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item === 'object' && item !== null)
        for (const member of Object.values(item)) next.push(member);
      else if (typeof item === 'number' ? !Number.isFinite(item) : !isScalar(item)) return false;
    }
    level = next;
  }
  return true;
}

const isScalar = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean';

/** PostgreSQL text columns cannot hold U+0000, nor half a surrogate pair, which is not valid Unicode. */
const isText = (text: string): boolean => !/[\0\p{Cs}]/u.test(text);

/** Text that a person wrote, kept unchanged. */
export const PlainText = z
  .string()
  .refine(isText, 'must be Unicode text without U+0000 and without unpaired surrogates');

/** An instant, ISO 8601 in UTC with milliseconds. */
export const Timestamp = z.iso
  .datetime('must be a time in UTC, such as 2026-11-23T18:00:00Z')
  .meta({ description: 'ISO 8601, UTC.', examples: ['2026-11-23T18:00:00.000Z'] });
