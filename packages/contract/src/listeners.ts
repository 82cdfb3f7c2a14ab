import { z } from 'zod';
import { EventType } from './events.js';
import { ExecutionId } from './execution.js';
import { Timestamp } from './json.js';
import { NAME } from './patterns.js';

/** Name of a durable listener: the `durable` of its `@OnExecutionEvent`. */
export const ListenerName = z.string().min(1).max(100).regex(NAME);

export const Listener = z
  .object({
    name: ListenerName,
    types: z.array(EventType),
    registeredAt: Timestamp,
    activeAt: Timestamp.meta({ description: 'When a process with this listener was last seen.' }),
    pending: z.int().min(0).meta({ description: 'Executions with events that are not delivered yet.' }),
    dead: z
      .int()
      .min(0)
      .meta({ description: 'Executions whose delivery has failed too often and waits for an operator.' }),
    pendingSince: Timestamp.nullable().meta({
      description: 'Since when the oldest pending delivery has made no progress. null if nothing is pending.',
    }),
  })
  .meta({ id: 'Listener' });
export type Listener = z.infer<typeof Listener>;

export const ListenerList = z.object({ listeners: z.array(Listener) }).meta({ id: 'ListenerList' });
export type ListenerList = z.infer<typeof ListenerList>;

export const ListDeadDeliveries = z
  .strictObject({
    cursor: z.uuid().optional().meta({ description: 'The `nextCursor` of the page before.' }),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  })
  .meta({ id: 'ListDeadDeliveries' });
export type ListDeadDeliveries = z.infer<typeof ListDeadDeliveries>;

export const DeadDelivery = z
  .object({
    executionId: ExecutionId,
    sequence: z.int().min(1).meta({ description: 'The event that the listener did not take.' }),
    type: EventType,
    attempts: z.int().min(1),
    error: z.string(),
    diedAt: Timestamp,
  })
  .meta({ id: 'DeadDelivery' });
export type DeadDelivery = z.infer<typeof DeadDelivery>;

export const DeadDeliveryPage = z
  .object({ deliveries: z.array(DeadDelivery), nextCursor: z.string().nullable() })
  .meta({ id: 'DeadDeliveryPage' });
export type DeadDeliveryPage = z.infer<typeof DeadDeliveryPage>;

export const ReplayDeliveries = z
  .strictObject({
    // Not null: a caller whose variable is empty must not replay everything.
    executionId: ExecutionId.optional().meta({
      description: 'Only the dead delivery of this execution. All dead deliveries when left out.',
    }),
  })
  .default({})
  .meta({ id: 'ReplayDeliveries' });
export type ReplayDeliveries = z.infer<typeof ReplayDeliveries>;

export const ReplayedDeliveries = z.object({ replayed: z.int().min(0) }).meta({ id: 'ReplayedDeliveries' });
export type ReplayedDeliveries = z.infer<typeof ReplayedDeliveries>;

export const SkipEvent = z
  .strictObject({ executionId: ExecutionId, sequence: z.int().min(1).max(2_147_483_647) })
  .meta({ id: 'SkipEvent' });
export type SkipEvent = z.infer<typeof SkipEvent>;
