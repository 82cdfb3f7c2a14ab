import type { CarrierCost } from './hint-carriers.ts';

/** What one kind of processes cost for one recorded event, as measured. CPU is in microseconds. */
export interface EventCost {
  eventsPerSecond: number;
  serverUs: number;
  postgresUs: number;
  natsUs: number;
  /** Statements that append events. */
  appends: number;
  /** Statements that read events for watchers. */
  reads: number;
  /** Statements that send notifications. */
  notifies: number;
  walBytes: number;
  /** Notifications that one process received, on average. */
  received: number;
}

/** An event's cost, and what PostgreSQL uses without work: ms of CPU per second. */
export interface Measured {
  cost: EventCost;
  processes: number;
  idleMs: number;
}

/** The constants of the model in docs/scaling.md: PostgreSQL's CPU in microseconds. */
export interface Constants {
  event: number;
  append: number;
  read: number;
  notify: number;
  /** For each process that listens to a notification. */
  listener: number;
  /** CPU of each process that receives a notification. */
  receiver: number;
}

const withoutIdle = ({ cost, idleMs }: Measured): number =>
  cost.postgresUs - (idleMs * 1_000) / cost.eventsPerSecond;
const notifyUs = ({ notify, listener }: Constants, notifies: number, processes: number): number =>
  notifies * (notify + listener * processes);

/**
 * Derives the constants.
 * @param slow one process at a constant rate: many statements that append
 * @param fast one process that records as fast as it can: few statements that append
 * @param two a pair of processes; some watchers are not in the process that runs their execution
 */
export function constantsOf(slow: Measured, fast: Measured, two: Measured, carrier: CarrierCost): Constants {
  const append = (withoutIdle(slow) - withoutIdle(fast)) / (slow.cost.appends - fast.cost.appends);
  const constants: Constants = {
    event: withoutIdle(fast) - append * fast.cost.appends,
    append,
    read: 0,
    notify: carrier.fixed,
    listener: carrier.perListener,
    receiver: carrier.receiver,
  };
  const read = (two.cost.postgresUs - predictPostgresUs(constants, two)) / two.cost.reads;
  return { ...constants, read };
}

/** Predicts PostgreSQL's CPU for an event, in microseconds, from counts of statements and what it uses without work. */
export function predictPostgresUs(constants: Constants, { cost, processes, idleMs }: Measured): number {
  const { event, append, read } = constants;
  const idle = (idleMs * 1_000) / cost.eventsPerSecond;
  const statements = append * cost.appends + read * cost.reads;
  return idle + event + statements + notifyUs(constants, cost.notifies, processes);
}

/** What processes need by the model, in cores. */
export interface ModelLoad {
  processes: number;
  events: number;
  append: number;
  read: number;
  notify: number;
  /** In each process, for notifications of the others. */
  receive: number;
}

/**
 * Computes the load of processes that record events at the same rate each.
 * @param cost counts of statements for an event, of a run with several processes
 */
export function modelLoad(
  constants: Constants,
  { appends, reads, notifies }: EventCost,
  processes: number,
  eventsPerProcess: number,
): ModelLoad {
  const events = processes * eventsPerProcess;
  const cores = (us: number): number => (events * us) / 1e6;
  return {
    processes,
    events,
    append: cores(constants.event + constants.append * appends),
    read: cores(constants.read * reads),
    notify: cores(notifyUs(constants, notifies, processes)),
    receive: (eventsPerProcess * (processes - 1) * notifies * constants.receiver) / 1e6,
  };
}
