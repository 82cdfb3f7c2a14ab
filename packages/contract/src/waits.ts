import { z } from 'zod';
import { Json, Timestamp } from './json.js';
import { NodeId } from './workflow.js';

/** What a wait waits for. */
export const WaitKind = z
  .enum(['approval', 'signal', 'timer', 'children', 'tool', 'failure'])
  .meta({ id: 'WaitKind' });
export type WaitKind = z.infer<typeof WaitKind>;

/** How a wait ended. */
export const WaitOutcome = z
  .enum(['answered', 'expired', 'signalled', 'fired', 'children-done', 'cancelled'])
  .meta({ id: 'WaitOutcome' });
export type WaitOutcome = z.infer<typeof WaitOutcome>;

/** Name of a signal. */
export const SignalName = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must have 1 to 128 letters, digits and . _ : -')
  .meta({ examples: ['payment.received'] });

/** A JSON Schema. */
export const JsonSchema = z
  .record(z.string(), z.unknown())
  .meta({ description: 'A JSON Schema (draft 2020-12).' });

/** The fields of a wait that `execution:waiting` and the inbox share. */
export const WAIT_FIELDS = {
  waitId: z.string(),
  nodeId: NodeId,
  stepId: z.string(),
  kind: WaitKind,
  message: z.string().optional().meta({ description: 'The question for the person.' }),
  schema: JsonSchema.optional().meta({ description: 'The form of an approval, or the shape of a signal.' }),
  signal: z.string().optional().meta({ description: 'The name of the signal.' }),
  assignees: z.array(z.string()).optional().meta({ description: 'The principals that may answer.' }),
  until: Timestamp.optional().meta({ description: 'When a timer fires, or when the wait expires.' }),
  children: z
    .object({ count: z.int().min(0) })
    .optional()
    .meta({ description: 'The number of child executions.' }),
  toolName: z.string().optional(),
  toolArgs: Json.optional(),
  error: z.string().optional().meta({ description: 'kind failure: why the node failed.' }),
} as const;

/** A wait that has not ended. */
export const OpenWait = z.object({ ...WAIT_FIELDS, since: Timestamp }).meta({ id: 'OpenWait' });
export type OpenWait = z.infer<typeof OpenWait>;
