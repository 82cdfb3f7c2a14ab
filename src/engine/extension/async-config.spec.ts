import { z } from 'zod';
import { findAsyncPart } from './async-config.js';

const text = z.string();

it.each<[string, z.ZodType, string]>([
  [
    'refine',
    z.object({ url: text.refine(async () => Promise.resolve(true)) }),
    'an asynchronous refinement at url',
  ],
  [
    'refine of an optional field',
    z.object({ a: text.refine(async () => Promise.resolve(true)).optional() }),
    'an asynchronous refinement at a',
  ],
  [
    'a function that returns a promise',
    text.refine(() => Promise.resolve(true)),
    'an asynchronous refinement at its root',
  ],
  [
    'superRefine',
    z.object({ a: z.object({ b: text }).superRefine(async () => Promise.resolve()) }),
    'an asynchronous refinement at a',
  ],
  [
    'superRefine that needs the value',
    z.object({ a: z.object({ b: text }) }).superRefine(({ a }, context) => {
      if (a.b.length === 0) context.addIssue('empty');
      return Promise.resolve();
    }),
    'an asynchronous refinement at its root',
  ],
  ['check', z.array(text.check(async () => Promise.resolve())), 'an asynchronous refinement at its root'],
  ['custom', z.object({ a: z.custom(async () => Promise.resolve(true)) }), 'an asynchronous refinement at a'],
  [
    'transform',
    z.object({ a: text.transform(async (value) => Promise.resolve(value)) }),
    'an asynchronous transform at a',
  ],
  [
    'preprocess',
    z.object({ a: z.preprocess(async (value) => Promise.resolve(value), text) }),
    'an asynchronous transform at a',
  ],
  [
    'refine in a union',
    z.union([z.int(), text.refine(async () => Promise.resolve(true))]),
    'an asynchronous refinement at anyOf.1',
  ],
])('finds the asynchronous part: %s', (_what, schema, expected) =>
  expect(findAsyncPart(schema)).toBe(expected),
);

it.each<[string, z.ZodType]>([
  [
    "Zod's built-in checks",
    z.strictObject({ a: text.min(3).max(5).regex(/x/), b: z.int().min(1).optional(), c: z.enum(['a']) }),
  ],
  [
    'refinements',
    z
      .object({ a: text })
      .refine(() => true)
      .superRefine(() => undefined),
  ],
  [
    'refinements that throw',
    text.refine(() => {
      throw new Error('unexpected value');
    }),
  ],
  ['transforms', text.transform(Number).pipe(z.number())],
  ['a recursive schema', z.lazy(() => z.json())],
])('finds no asynchronous part in %s', (_what, schema) => expect(findAsyncPart(schema)).toBeUndefined());
