import { z } from 'zod';
import { EventType } from './events.js';
import { ExecutionId, ProjectId, Tag } from './execution.js';
import { Timestamp } from './json.js';
import { orDefault, orNull } from './or-null.js';
import { NAME, NAME_MAX_LENGTH } from './patterns.js';
import { WorkflowName } from './workflow-ref.js';

export const WebhookName = z
  .string()
  .min(1)
  .max(NAME_MAX_LENGTH)
  .regex(NAME)
  .meta({ examples: ['billing'] });

/** Body of `PUT /api/webhooks/:projectId/:name`. */
export const PutWebhook = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
      .max(2_048)
      .refine((url) => /^\P{Cc}*$/u.test(url), 'may not contain control characters: percent-encode them'),
    events: z.array(EventType).min(1).max(50).meta({ description: 'Types of the events to deliver.' }),
    enabled: orDefault(z.boolean(), () => true).meta({
      description: 'false: the deliveries are paused. Events are kept, and delivered once it is true again.',
    }),
    payload: orDefault(z.enum(['thin', 'full']), () => 'full' as const).meta({
      description: 'full: `data` is the event. thin: `data` has only the ids and the sequence of the event.',
    }),
    workflow: orNull(WorkflowName).meta({ description: 'Only executions of this saved workflow.' }),
    tag: orNull(Tag).meta({ description: 'Only executions with this tag.' }),
    cloudEvents: orDefault(z.boolean(), () => false).meta({
      description: 'Whether requests also have the binary headers of CloudEvents 1.0.',
    }),
  })
  .meta({ id: 'PutWebhook' });
export type PutWebhook = z.infer<typeof PutWebhook>;
export type PutWebhookInput = z.input<typeof PutWebhook>;

export const Webhook = z
  .object({
    projectId: ProjectId,
    name: WebhookName,
    url: z.string(),
    events: z.array(EventType),
    enabled: z.boolean(),
    disabledReason: z.string().nullable().meta({
      description: 'Why the server has disabled it, for example because the receiver answered 410.',
    }),
    payload: z.enum(['thin', 'full']),
    workflow: WorkflowName.nullable(),
    tag: Tag.nullable(),
    cloudEvents: z.boolean(),
    signingSecrets: z.int().min(1).meta({ description: 'How many signing secrets are valid now.' }),
    pending: z.int().min(0).meta({ description: 'Executions with events that are not delivered yet.' }),
    dead: z.int().min(0).meta({ description: 'Executions whose delivery has failed too often.' }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    createdBy: z.string(),
  })
  .meta({ id: 'Webhook' });
export type Webhook = z.infer<typeof Webhook>;

/** Answer of the request that makes a webhook or a signing secret. */
export const WebhookWithSecret = Webhook.extend({
  secret: z.string().optional().meta({
    description:
      'A signing secret, `whsec_…` (Standard Webhooks 1.0). Only in the answer of the request that made it.',
  }),
}).meta({ id: 'WebhookWithSecret' });
export type WebhookWithSecret = z.infer<typeof WebhookWithSecret>;

/** Body of `POST /api/webhooks/:projectId/:name/rotate-secret`. */
export const RotateWebhookSecret = z
  .strictObject({
    keepOldForMs: orDefault(z.int().min(0).max(2_592_000_000), () => 86_400_000).meta({
      description: 'How long requests are signed by the old secrets as well. Default: one day.',
    }),
  })
  .default({ keepOldForMs: 86_400_000 })
  .meta({ id: 'RotateWebhookSecret' });
export type RotateWebhookSecret = z.infer<typeof RotateWebhookSecret>;

export const ListWebhooks = z.strictObject({ projectId: ProjectId }).meta({ id: 'ListWebhooks' });
export type ListWebhooks = z.infer<typeof ListWebhooks>;

export const WebhookList = z.object({ webhooks: z.array(Webhook) }).meta({ id: 'WebhookList' });
export type WebhookList = z.infer<typeof WebhookList>;

export const WebhookDeliveryStatus = z.enum(['delivered', 'failed', 'dead']).meta({
  id: 'WebhookDeliveryStatus',
  description: 'failed: another attempt follows. dead: no attempt follows until the delivery is replayed.',
});
export type WebhookDeliveryStatus = z.infer<typeof WebhookDeliveryStatus>;

export const ListWebhookDeliveries = z
  .strictObject({
    executionId: ExecutionId.optional(),
    status: WebhookDeliveryStatus.optional(),
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(100).optional(),
  })
  .meta({ id: 'ListWebhookDeliveries' });
export type ListWebhookDeliveries = z.infer<typeof ListWebhookDeliveries>;

/** One attempt to deliver one event. */
export const WebhookDelivery = z
  .object({
    id: z.uuid().meta({ description: 'Id of the attempt.' }),
    messageId: z.string().meta({ description: '`webhook-id`: the same for all attempts with an event.' }),
    executionId: ExecutionId,
    sequence: z.int().min(1),
    type: EventType,
    status: WebhookDeliveryStatus,
    attempt: z.int().min(1),
    at: Timestamp,
    durationMs: z.number().min(0),
    responseStatus: z.int().nullable().meta({ description: 'null if there was no response.' }),
    error: z.string().nullable(),
    nextAttemptAt: Timestamp.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const WebhookDeliveryPage = z
  .object({
    deliveries: z.array(WebhookDelivery).meta({ description: 'Newest first.' }),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'WebhookDeliveryPage' });
export type WebhookDeliveryPage = z.infer<typeof WebhookDeliveryPage>;

/** An attempt with the request and the answer. Signatures are left out. */
export const WebhookDeliveryDetails = WebhookDelivery.extend({
  request: z.object({ url: z.string(), headers: z.record(z.string(), z.string()), body: z.string() }),
  response: z
    .object({
      status: z.int(),
      headers: z.record(z.string(), z.string()),
      body: z.string().meta({ description: 'The beginning of the body.' }),
    })
    .nullable(),
}).meta({ id: 'WebhookDeliveryDetails' });
export type WebhookDeliveryDetails = z.infer<typeof WebhookDeliveryDetails>;

/** Body of `POST /api/webhooks/:projectId/:name/replay`: one execution, or all events of a range of time. */
export const ReplayWebhook = z
  .strictObject({
    executionId: orNull(ExecutionId),
    from: orNull(Timestamp).meta({ description: 'Events recorded since then.' }),
    to: orNull(Timestamp).meta({ description: 'Events recorded before then. Default: now.' }),
  })
  .refine(({ executionId, from }) => (executionId === undefined) !== (from === undefined), {
    path: ['executionId'],
    message: 'give either executionId or from',
  })
  .meta({ id: 'ReplayWebhook' });
export type ReplayWebhook = z.infer<typeof ReplayWebhook>;

export const WebhookReplayed = z
  .object({
    executions: z.int().min(0).meta({ description: 'Executions whose events are delivered again.' }),
  })
  .meta({ id: 'WebhookReplayed' });
export type WebhookReplayed = z.infer<typeof WebhookReplayed>;
