import { Body, Controller, Delete, Get, Param, Post, Query, UseGuards } from '@nestjs/common';
import {
  type DeadDelivery,
  DeadDeliveryPage,
  ListDeadDeliveries,
  type Listener,
  ListenerList,
  ListenerName,
  ReplayDeliveries,
  ReplayedDeliveries,
  SkipEvent,
} from '@cloutagent/contract';
import { RequireScope } from '../auth/access.decorators.js';
import { Documented } from '../openapi/documented.decorator.js';
import { AllProjectsGuard } from './all-projects.guard.js';
import { ListenerOperations } from './listener-operations.js';

const ID = '0199c0de-0000-7000-8000-000000000001';
const EXAMPLE_LISTENER: Listener = {
  name: 'invoices',
  types: ['execution:completed'],
  registeredAt: '2026-11-23T18:00:00.000Z',
  activeAt: '2026-11-23T18:30:00.000Z',
  pending: 3,
  dead: 1,
  pendingSince: '2026-11-23T18:29:58.000Z',
};
const EXAMPLE_DEAD: DeadDelivery = {
  executionId: ID,
  sequence: 12,
  type: 'execution:completed',
  attempts: 15,
  error: 'the invoice service answered 503',
  diedAt: '2026-11-23T18:20:00.000Z',
};
const ERRORS = ['not_found'] as const;

/** Shows durable listeners to operators, and lets them replay what could not be delivered. */
@Controller('api/listeners')
@RequireScope('listeners:manage')
@UseGuards(AllProjectsGuard)
export class ListenersController {
  constructor(private readonly operations: ListenerOperations) {}

  @Get()
  @Documented({
    id: 'listListeners',
    tag: 'Listeners',
    summary: 'List the durable listeners, with the number of their undelivered events by execution',
    description:
      'Listeners serve all projects, so all routes of listeners need a credential for all projects (`*`).',
    status: 200,
    response: ListenerList,
    examples: { one: { value: { listeners: [EXAMPLE_LISTENER] } } },
  })
  async list(): Promise<ListenerList> {
    return { listeners: await this.operations.list() };
  }

  @Get(':name/dead')
  @Documented({
    id: 'listDeadDeliveries',
    tag: 'Listeners',
    summary: 'List the dead deliveries of a listener',
    description: 'A delivery is dead when its event has failed MAX_ATTEMPTS_PER_DELIVERY times.',
    status: 200,
    params: { name: ListenerName },
    query: ListDeadDeliveries,
    response: DeadDeliveryPage,
    examples: { one: { value: { deliveries: [EXAMPLE_DEAD], nextCursor: null } } },
    errors: ERRORS,
  })
  dead(
    @Param('name', { schema: ListenerName }) name: string,
    @Query({ schema: ListDeadDeliveries }) query: ListDeadDeliveries,
  ): Promise<DeadDeliveryPage> {
    return this.operations.dead(name, query);
  }

  @Post(':name/replay')
  @Documented({
    id: 'replayDeliveries',
    tag: 'Listeners',
    summary: 'Deliver dead deliveries again: that of one execution, or all',
    description: 'The delivery begins again with the event at which it died.',
    status: 200,
    params: { name: ListenerName },
    body: {
      schema: ReplayDeliveries,
      required: false,
      examples: { one: { value: { executionId: ID } }, all: { value: {} } },
    },
    response: ReplayedDeliveries,
    examples: { one: { value: { replayed: 1 } } },
    errors: ERRORS,
  })
  async replay(
    @Param('name', { schema: ListenerName }) name: string,
    @Body({ schema: ReplayDeliveries }) { executionId }: ReplayDeliveries,
  ): Promise<ReplayedDeliveries> {
    return { replayed: await this.operations.replay(name, executionId) };
  }

  @Post(':name/skip')
  @Documented({
    id: 'skipEvent',
    tag: 'Listeners',
    summary: 'Pass over the event at which a delivery is dead, and deliver those after it',
    description: 'The listener never gets the event that is passed over.',
    status: 204,
    params: { name: ListenerName },
    body: {
      schema: SkipEvent,
      required: true,
      examples: { event: { value: { executionId: ID, sequence: 12 } } },
    },
    errors: ERRORS,
  })
  skip(
    @Param('name', { schema: ListenerName }) name: string,
    @Body({ schema: SkipEvent }) event: SkipEvent,
  ): Promise<void> {
    return this.operations.skip(name, event);
  }

  @Delete(':name')
  @Documented({
    id: 'deleteListener',
    tag: 'Listeners',
    summary: 'Delete a listener that is no longer in the code, with its undelivered events',
    description: 'A listener that a running process has in its code cannot be deleted.',
    status: 204,
    params: { name: ListenerName },
    errors: [...ERRORS, 'listener_active'],
  })
  remove(@Param('name', { schema: ListenerName }) name: string): Promise<void> {
    return this.operations.remove(name);
  }
}
