import { z } from 'zod';

/** A setting whose text is JSON; `{}` if it is not set. @param example a valid value, for the message of an error */
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
