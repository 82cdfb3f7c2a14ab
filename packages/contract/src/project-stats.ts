import { z } from 'zod';
import { ExecutionStatus, ProjectId } from './execution.js';
import { Timestamp } from './json.js';

/** Query of `GET /api/projects/:projectId/stats`. */
export const ReadStats = z
  .strictObject({
    from: Timestamp.optional().meta({
      description: 'Default: 24 intervals before `to` for hour, 30 for day.',
    }),
    to: Timestamp.optional().meta({ description: 'Default: now.' }),
    interval: z.enum(['hour', 'day']).default('hour').meta({ description: 'In UTC. Default hour.' }),
  })
  .meta({ id: 'ReadStats' });
export type ReadStats = z.infer<typeof ReadStats>;

const figures = {
  executions: z
    .partialRecord(ExecutionStatus, z.int().min(0))
    .meta({ description: 'Number of executions by their present status. Child executions do not count.' }),
  durationMs: z
    .object({ p50: z.number().nullable(), p95: z.number().nullable() })
    .meta({ description: 'From startedAt to completedAt, of executions that have ended. null if none has.' }),
  tokens: z.object({ input: z.int().min(0), output: z.int().min(0) }),
  costUSD: z
    .number()
    .min(0)
    .nullable()
    .meta({ description: 'null if the price of a used model is unknown.' }),
  models: z
    .record(
      z.string(),
      z.object({ input: z.int().min(0), output: z.int().min(0), costUSD: z.number().min(0).nullable() }),
    )
    .meta({ description: 'Tokens and cost by model.' }),
};

/** Figures of a project, by the time at which its executions were created. */
export const ProjectStats = z
  .object({
    projectId: ProjectId,
    from: Timestamp,
    to: Timestamp,
    interval: z.enum(['hour', 'day']),
    total: z.object(figures),
    buckets: z
      .array(z.object({ at: Timestamp.meta({ description: 'Begin of the interval.' }), ...figures }))
      .meta({
        description: 'Oldest first. Intervals without executions are left out.',
      }),
    stored: z.partialRecord(ExecutionStatus, z.int().min(0)).meta({
      description: 'Number of all executions that are stored now, by status, whatever the range.',
    }),
  })
  .meta({ id: 'ProjectStats' });
export type ProjectStats = z.infer<typeof ProjectStats>;
