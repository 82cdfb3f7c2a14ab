import { explore, type Options, ownershipModel } from './model.ts';
import { atMost, type Bounds, PROTOCOL } from './rules.ts';
import { search } from './search.ts';
import type { State } from './state.ts';

const ANY_FAULT = { crashes: 2, falseDeaths: 2, freezes: 1, lostAnswers: 2, handOvers: 1 };

// The minimum number of states makes sure that a search does not pass because it explores nothing.
it.each<[string, number, Partial<Bounds>, Options]>([
  ['no fault', 75, {}, {}],
  ['any one fault, without shortcuts', 30_000, { ...ANY_FAULT, together: 1 }, {}],
  ['any two faults except freezes', 130_000, { ...ANY_FAULT, freezes: 0, together: 2 }, { shortcuts: true }],
  ['a crash and a freeze', 50_000, { crashes: 1, freezes: 1 }, { shortcuts: true }],
  ['a failover that loses the newest events', 9_000, { failovers: 1 }, {}],
])('the protocol keeps all invariants and always reaches the end with %s', (_, minimum, faults, options) => {
  const found = explore(faults, {}, options);
  expect(found.trace).toEqual([]);
  expect(found.violated).toBeUndefined();
  expect(found.states).toBeGreaterThan(minimum);
});

it('the model takes every step of the protocol and reaches every kind of end', () => {
  const names = new Set<string>();
  const ends = new Set<string>();
  for (const [faults, shortcuts] of [
    [{ ...ANY_FAULT, together: 1 }, false],
    [{ crashes: 2 }, true],
    [{ failovers: 1 }, false],
  ] as const)
    observe(
      faults,
      { shortcuts },
      ({ database: { completed, events } }) => completed && ends.add(events.at(-1)!.replace(/\d+\./, '.')),
      (name) => names.add(name.replace(/^[PQ]: |(?<=for )[PQ]|\d.*?\.\d/g, '')),
    );
  // completed, failed and cancelled by an owner, with its claim; cancelled while unowned: claim 0
  for (const end of ['C.1', 'F.3', 'X.1', 'X.0']) expect(ends).toContain(end);
  for (const name of [
    'start',
    'send claim',
    'server, for : claim',
    'server, for : claim is answered',
    'take over: tail read',
    'take over: read the state, append started',
    'request cancel',
    'append "node A runs"',
    'append "node A finished"',
    'end: append completed',
    'end: append cancelled',
    'end: append failed, too many recoveries',
    'end unowned: read the tail',
    'end unowned: commits',
    'uncertain append (lost): compare',
    'uncertain append (taken): compare',
    'uncertain append (refused): compare',
    'beat lost, register',
    're-assert, stop what is not mine',
    're-assert, release what does not run here',
    're-assert, release what lost its tail',
    'reclaim a process that crashed',
    'reclaim a process that is silent',
    'crash',
    'freeze',
    'thaw',
    'false death',
    'lost answer to the claim',
    'lost answer to the append',
    'release (hand-over)',
    'release (hand-over), lost answer',
    'the replica stays as it is',
    'failover',
    'server, zombie: claim',
    'server, zombie: release',
    'server, zombie: append f commits or fails',
    'server, zombie: append f reads the row',
    'server, zombie: append C commits or fails',
  ])
    expect(names).toContain(name);
});

it('the shortcuts hide no reachable state of the database', () => {
  const databases = (shortcuts: boolean): Set<string> => {
    const found = new Set<string>();
    observe({ ...ANY_FAULT, together: 1 }, { shortcuts }, ({ database, faults }) => {
      // Without the names of processes, which depend on the order of the search.
      const { owner, crashes, attempt, claim, runnable, cancelWanted, completed, events } = database;
      const row = [owner === null, crashes.length, attempt, claim, runnable, cancelWanted, completed];
      found.add(JSON.stringify([row, events, faults]));
    });
    return found;
  };
  const all = databases(false);
  expect(databases(true)).toEqual(all);
  expect(all.size).toBeGreaterThan(400);
});

/** Explores the protocol. Calls `visit` for each state and `take` for each step. */
function observe(
  faults: Partial<Bounds>,
  options: Options,
  visit: (state: State) => void,
  take: (name: string) => void = () => undefined,
): void {
  const model = ownershipModel(PROTOCOL, atMost(faults), options);
  const { violated } = search({
    ...model,
    violated: (state) => {
      visit(state);
      return model.violated(state);
    },
    steps: (state) => {
      const steps = model.steps(state);
      for (const { name } of steps) take(name);
      return steps;
    },
  });
  expect(violated).toBeUndefined();
}
