import { z } from 'zod';

/** A hundred years, so that the time is one that PostgreSQL and JavaScript can represent. */
const MAX_MS = 100 * 365 * 86_400_000;

/** After which time a wait expires. */
export const ExpiresInMs = z.int().min(1).max(MAX_MS).meta({
  description: 'The wait expires after this time, in ms. Default: never.',
});
