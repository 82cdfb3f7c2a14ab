import type { EventData } from '@cloutagent/contract';

/**
 * The fields of all event types together, so that a test can read the fields of its frames without a cast. Which of
 * them an event has depends on its type. `sequence` is part of the data on streams of many executions only.
 */
export type AnyEventData = { sequence: number } & EventData<'execution:started'> &
  EventData<'execution:progress'> &
  EventData<'execution:step'> &
  EventData<'execution:output'> &
  EventData<'execution:tool-call'> &
  Omit<EventData<'execution:tool-result'>, 'result'> &
  EventData<'execution:token-usage'> &
  EventData<'execution:cost-update'> &
  EventData<'execution:retry'> &
  EventData<'execution:paused'> &
  EventData<'execution:completed'> &
  EventData<'execution:failed'>;
