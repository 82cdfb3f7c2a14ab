import type {
  ApiKeyList,
  BatchResults,
  ConnectionEstablished,
  CreatedApiKey,
  DeadDeliveryPage,
  DeletedExecution,
  EventPage,
  Execution,
  ExecutionEvent,
  ExecutionPage,
  ListenerList,
  Me,
  Operation,
  Problem,
  ProjectStats,
  Schedule,
  SecretList,
  StreamTicket,
  Trigger,
  TriggerAccepted,
  ValidatedExecution,
  Variable,
  WorkflowOutline,
} from '@cloutagent/contract';

type KeyIn<T> = T extends unknown ? keyof T : never;
type ValueAt<T, K> = T extends unknown ? (K extends keyof T ? Exclude<T[K], undefined> : never) : never;
/** All members that at least one of the types has. */
type Merged<T> = { [K in KeyIn<T>]: ValueAt<T, K> };

/** The body of an answer before a test has checked its kind. */
export type Body = Merged<
  | ApiKeyList
  | Pick<BatchResults, 'results'>
  | CreatedApiKey
  | DeadDeliveryPage
  | DeletedExecution
  | EventPage
  | Execution
  | ExecutionPage
  | ListenerList
  | Me
  | Omit<Operation, 'status' | 'completedAt'>
  | Problem
  | Pick<ProjectStats, 'stored'>
  | Schedule
  | SecretList
  | StreamTicket
  | Trigger
  | TriggerAccepted
  | ValidatedExecution
  | Variable
  | WorkflowOutline
  // The OpenAPI document.
  | { paths: Record<string, object> }
>;

/** The data of an event before a test has checked its type. `result` is the result of the execution, not of a tool. */
export type Data = Omit<Merged<ExecutionEvent>, 'result'> & { result: Execution };

/** The data of the first frame of a stream, of one execution or of many. */
export type Established = Merged<ConnectionEstablished | { id: string; cursor: string; executions: number }>;
