import { z } from 'zod';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * Any JSON value, kept as it is. Strings may hold any Unicode text; they are escaped on the wire (RFC 8259).
 * Not `z.json()`, which makes a copy without the members called `__proto__`.
 */
export const Json = z.unknown().refine(isJson, 'must be JSON').meta({
  id: 'Json',
  description:
    'Any JSON value. An integer beyond 2^53 - 1 whose digits a number does not keep is refused: send it as text.',
}) as unknown as z.ZodType<Json>;

/** Level by level, so that depth costs no stack. */
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

/** What text columns cannot hold: U+0000, and half a surrogate pair, which is no Unicode text. */
const isText = (text: string): boolean => !/[\0\p{Cs}]/u.test(text);

/** Text that a person wrote; kept as it is. */
export const PlainText = z
  .string()
  .refine(isText, 'must be Unicode text without U+0000 and without half a surrogate pair');

/** An instant, ISO 8601 in UTC with milliseconds. */
export const Timestamp = z.iso
  .datetime()
  .meta({ description: 'ISO 8601, UTC.', examples: ['2026-11-23T18:00:00.000Z'] });
