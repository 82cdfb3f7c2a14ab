import { z } from 'zod';
import { ExecutionId, ProjectId } from './execution.js';
import { Json, PlainText, Timestamp } from './json.js';
import { orDefault, orNull } from './or-null.js';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';
import { ValueName } from './project-values.js';
import { WorkflowRef } from './workflow-ref.js';

export const ScheduleName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME)
  .meta({ examples: ['nightly'] });
export const TriggerName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME)
  .meta({ examples: ['github'] });

/** Body of `PUT /api/schedules/:projectId/:name`. */
export const PutSchedule = z
  .strictObject({
    workflowRef: WorkflowRef,
    input: Json.default(null),
    cron: z
      .string()
      .min(1)
      .max(200)
      .meta({
        description: 'Five fields: minute, hour, day of the month, month, day of the week.',
        examples: ['30 2 * * 1-5'],
      }),
    timeZone: orDefault(z.string().min(1).max(64), () => 'UTC').meta({
      description: 'A time zone of the IANA database. Default UTC.',
      examples: ['Europe/Berlin'],
    }),
    overlap: orDefault(z.enum(['skip', 'enqueue', 'cancel-running']), () => 'skip' as const).meta({
      description: 'What happens at a due time while the execution of an earlier one is open. Default skip.',
    }),
    catchUp: orDefault(z.enum(['none', 'one', 'all']), () => 'one' as const).meta({
      description:
        'Which of the due times are made up for that have passed while no process was running. Default one: the newest.',
    }),
    enabled: orDefault(z.boolean(), () => true),
  })
  .meta({ id: 'PutSchedule' });
export type PutSchedule = z.infer<typeof PutSchedule>;
export type PutScheduleInput = z.input<typeof PutSchedule>;

export const Schedule = z
  .object({
    projectId: ProjectId,
    name: ScheduleName,
    workflowRef: WorkflowRef,
    input: Json,
    cron: z.string(),
    timeZone: z.string(),
    overlap: z.enum(['skip', 'enqueue', 'cancel-running']),
    catchUp: z.enum(['none', 'one', 'all']),
    enabled: z.boolean(),
    nextAt: Timestamp.nullable().meta({ description: 'The next due time. null while it is disabled.' }),
    lastAt: Timestamp.nullable().meta({ description: 'The last due time that was handled.' }),
    lastExecutionId: ExecutionId.nullable(),
    lastError: z.string().nullable().meta({
      description: 'Why the last due time started nothing, for example because the workflow was deleted.',
    }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    createdBy: z.string(),
  })
  .meta({ id: 'Schedule' });
export type Schedule = z.infer<typeof Schedule>;

export const ListSchedules = z.strictObject({ projectId: ProjectId }).meta({ id: 'ListSchedules' });
export type ListSchedules = z.infer<typeof ListSchedules>;
export const ScheduleList = z.object({ schedules: z.array(Schedule) }).meta({ id: 'ScheduleList' });
export type ScheduleList = z.infer<typeof ScheduleList>;

/** Who sends the webhooks that a trigger takes, which decides how they are verified. */
export const TriggerSource = z
  .enum(['github', 'stripe', 'slack', 'standard-webhooks', 'shared-secret'])
  .meta({
    id: 'TriggerSource',
    description:
      'shared-secret: the sender sends the secret as Authorization: Bearer …. The others sign their requests with it.',
  });
export type TriggerSource = z.infer<typeof TriggerSource>;

/** Body of `PUT /api/triggers/:projectId/:name`. */
export const PutTrigger = z
  .strictObject({
    workflowRef: WorkflowRef,
    source: TriggerSource,
    secret: ValueName.meta({
      description: 'Name of the secret of the project by which requests of the sender are verified.',
    }),
    map: orNull(PlainText.min(1).max(20_000)).meta({
      description:
        'A JSONata expression over { body, headers, query } that gives the input. Without it, the input is the body.',
    }),
    enabled: orDefault(z.boolean(), () => true),
  })
  .meta({ id: 'PutTrigger' });
export type PutTrigger = z.infer<typeof PutTrigger>;
export type PutTriggerInput = z.input<typeof PutTrigger>;

export const Trigger = z
  .object({
    projectId: ProjectId,
    name: TriggerName,
    workflowRef: WorkflowRef,
    source: TriggerSource,
    secret: ValueName,
    map: z.string().nullable(),
    enabled: z.boolean(),
    address: z.string().meta({
      description: 'Where the sender posts. It begins with the setting PUBLIC_URL, or is a path without it.',
    }),
    lastAt: Timestamp.nullable().meta({ description: 'When it last took a request.' }),
    lastExecutionId: ExecutionId.nullable(),
    lastError: z.string().nullable(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    createdBy: z.string(),
  })
  .meta({ id: 'Trigger' });
export type Trigger = z.infer<typeof Trigger>;

export const ListTriggers = z.strictObject({ projectId: ProjectId }).meta({ id: 'ListTriggers' });
export type ListTriggers = z.infer<typeof ListTriggers>;
export const TriggerList = z.object({ triggers: z.array(Trigger) }).meta({ id: 'TriggerList' });
export type TriggerList = z.infer<typeof TriggerList>;

/** Answer to the sender of a webhook. */
export const TriggerAccepted = z
  .object({
    executionId: ExecutionId.optional().meta({
      description:
        'The execution that the request has started, also if an earlier request with the same id has.',
    }),
    challenge: z.string().optional().meta({ description: 'Answers the url_verification of Slack.' }),
  })
  .meta({ id: 'TriggerAccepted' });
export type TriggerAccepted = z.infer<typeof TriggerAccepted>;
