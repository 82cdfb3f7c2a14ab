import { z } from 'zod';

/**
 * An optional field. null counts as absent, because graph editors, and clients that serialize every field of a class,
 * send null for an absent field.
 */
export const orNull = <T extends z.ZodType>(schema: T) =>
  z.optional(schema.nullable().transform((value) => value ?? undefined)) as unknown as z.ZodOptional<
    z.ZodType<z.output<T>, z.input<T> | null>
  >;

/** A field with a default. null also selects the default. */
export const orDefault = <T extends z.ZodType>(schema: T, fallback: () => z.output<T>) =>
  schema.nullish().transform((value) => value ?? fallback()) as unknown as z.ZodDefault<
    z.ZodType<z.output<T>, z.input<T> | null>
  >;
