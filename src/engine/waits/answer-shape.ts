import { Json, type WaitKind } from '@cloutagent/contract';
import { z } from 'zod';
import { check } from '../../problems/schema-problems.js';
import type { PathError } from '../../problems/problem.error.js';

/** An answer as `waits.answer` stores it. */
export type StoredAnswer =
  | { approved: boolean; comment: string | null; values: Json }
  | { body: Json }
  | { action: 'approve' | 'deny'; args?: Json; reason: string | null }
  | { action: 'retry' | 'fail' | 'output'; output?: Json; reason: string | null };

const isPresent = (value: unknown): boolean => value !== undefined;
const required = z
  .unknown()
  .refine(isPresent, 'is required: any JSON value') as z.ZodType<unknown> as z.ZodType<Json>;
const comment = z.string().optional();
const action = (names: string) => ({ error: `must be ${names}` });

const Approval = z
  .strictObject({
    approved: z.boolean({ error: 'is required: true or false' }),
    comment,
    values: Json.optional(),
  })
  .transform(({ approved, comment: text = null, values = null }) => ({ approved, comment: text, values }));

const Signal = z.strictObject({ body: required });

const Tool = z
  .discriminatedUnion(
    'action',
    [
      z.strictObject({ action: z.literal('approve'), args: Json.optional(), reason: comment }),
      z.strictObject({ action: z.literal('deny'), reason: comment }),
    ],
    action('approve or deny'),
  )
  .transform((answer) => ({ ...answer, reason: answer.reason ?? null }));

const Failure = z
  .discriminatedUnion(
    'action',
    [
      z.strictObject({ action: z.literal('retry'), reason: comment }),
      z.strictObject({ action: z.literal('fail'), reason: comment }),
      z.strictObject({ action: z.literal('output'), output: required, reason: comment }),
    ],
    action('retry, fail or output'),
  )
  .transform((answer) => ({ ...answer, reason: answer.reason ?? null }));

const SHAPES: Partial<Record<WaitKind, z.ZodType<StoredAnswer>>> = {
  approval: Approval,
  signal: Signal,
  tool: Tool as z.ZodType<StoredAnswer>,
  failure: Failure as z.ZodType<StoredAnswer>,
};

/**
 * Checks which fields the answer to a wait of a kind has.
 * @param given the body of the request; members that are undefined count as absent
 * @returns the answer as it is stored, or the paths to correct
 */
export function parseAnswer(
  kind: WaitKind,
  given: Readonly<Record<string, unknown>>,
): { answer: StoredAnswer; problems?: never } | { answer?: never; problems: PathError[] } {
  const shape = SHAPES[kind];
  if (!shape)
    return { problems: [{ path: '', message: `a wait of kind ${kind} ends by itself and takes no answer` }] };
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => isPresent(value)));
  const { data, problems } = check(shape, present);
  if (!problems) return { answer: data };
  return { problems: problems.map(({ path, message }) => ({ path: path.map(String).join('.'), message })) };
}
