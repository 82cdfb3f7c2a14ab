import { z } from 'zod';

/**
 * Makes a setting whose text is JSON. Its default is `{}`.
 * @param example a valid value, which the error message shows
 */
export const jsonSetting = (example: string) =>
  z
    .string()
    .default('{}')
    .transform((value, context): unknown => {
      try {
        return JSON.parse(value) as unknown;
      } catch {
        context.addIssue(`must be JSON, for example ${example}`);
        return z.NEVER;
      }
    });
