// The invariants that must hold in every reachable state.
import { attemptOf, claimOf, isTerminal, letterOf } from './database.ts';
import { SLOTS, type State } from './state.ts';

const INVARIANTS = {
  'one terminal event, nothing after it': ({ database: { events } }) =>
    events.every((event, index) => event === '' || !isTerminal(event) || index === events.length - 1),
  'completed_at comes with the terminal event': ({ database: { events, completed } }) =>
    events.some((event) => event !== '' && isTerminal(event)) === completed,
  'an ended execution is neither owned nor queued': ({ database: { completed, owner, runnable } }) =>
    !completed || (owner === null && !runnable),
  'sequences have no hole': ({ database: { events } }) => events.every((event) => event !== ''),
  'attempts of started events rise': ({ database: { events } }) => {
    const attempts = events.filter((event) => event.startsWith('S')).map(attemptOf);
    return attempts.every((attempt, index) => index === 0 || attempt > attempts[index - 1]!);
  },
  'only the owner appends': ({ database: { events } }) => {
    let owner = 0;
    return events.every((event) => {
      if (event.startsWith('S')) owner = claimOf(event);
      return event === '' || claimOf(event) === owner || claimOf(event) === 0;
    });
  },
  'the end comes from the newest claim': ({ database: { events, attempt, completed } }) =>
    !completed || attemptOf(events.at(-1)!) === attempt,
  'a finished node does not run again': ({ database: { events } }) => {
    const finished = events.findIndex((event) => event.startsWith('f'));
    return finished < 0 || !events.slice(finished + 1).some((event) => 'rf'.includes(letterOf(event)));
  },
  // A failover that loses the newest events also loses acknowledged ones. No process can prevent that.
  'an acknowledged event is stored': ({ falselyAcknowledged, processes, database, faults }) =>
    falselyAcknowledged === null &&
    (faults.failovers > 0 ||
      SLOTS.every((slot) => (processes[slot].run?.tail ?? 0) <= database.events.length)),
  'without a fault there is one claim': ({ database, faults }) =>
    database.attempt <= 1 || Object.values(faults).some((count) => count > 0),
  'an owner has a row in processes': ({ database: { owner, registered } }) =>
    owner === null || registered.includes(owner),
  'no process that came back counts as crashed': ({ database: { registered, crashes }, processes }) =>
    processes.every(({ identity }) => !registered.includes(identity) || !crashes.includes(identity)),
  'without a crash no execution fails': ({ database: { events }, faults }) =>
    faults.crashes > 0 || !events.some((event) => event.startsWith('F')),
} satisfies Record<string, (state: State) => boolean>;

export type Invariant = keyof typeof INVARIANTS;

/**
 * @param ignored invariants that are not checked
 * @returns the first invariant that does not hold
 */
export function violated(state: State, ignored: readonly Invariant[]): Invariant | undefined {
  for (const [name, holds] of Object.entries(INVARIANTS) as [Invariant, (state: State) => boolean][])
    if (!holds(state) && !ignored.includes(name)) return name;
  return undefined;
}
