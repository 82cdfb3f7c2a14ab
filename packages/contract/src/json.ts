import { z } from 'zod';

/** Any JSON value. Strings may hold any Unicode text; they are escaped on the wire (RFC 8259). */
export const Json = z.json().meta({ id: 'Json', description: 'Any JSON value.' });
export type Json = z.infer<typeof Json>;

/** An instant, ISO 8601 in UTC with milliseconds. */
export const Timestamp = z.iso
  .datetime()
  .meta({ description: 'ISO 8601, UTC.', examples: ['2026-11-23T18:00:00.000Z'] });
