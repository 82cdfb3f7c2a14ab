import { z } from 'zod';

/**
 * A field that may be left out. Tools that draw graphs, and clients that write every field of a class, send null for
 * that: it counts as left out.
 */
export const orNull = <T extends z.ZodType>(schema: T) =>
  z.optional(schema.nullable().transform((value) => value ?? undefined)) as unknown as z.ZodOptional<
    z.ZodType<z.output<T>, z.input<T> | null>
  >;

/** A field with a default, which null stands for as well. */
export const orDefault = <T extends z.ZodType>(schema: T, fallback: () => z.output<T>) =>
  schema.nullish().transform((value) => value ?? fallback()) as unknown as z.ZodDefault<
    z.ZodType<z.output<T>, z.input<T> | null>
  >;
