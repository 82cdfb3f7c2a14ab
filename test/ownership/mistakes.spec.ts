import type { Invariant } from './invariants.ts';
import { explore, type Options } from './model.ts';
import type { Bounds, Rules } from './rules.ts';
import { DEAD_END } from './search.ts';

interface Mistake {
  mistake: string;
  rules: Partial<Rules>;
  /** The faults that are needed to show it; empty: it shows without a fault. */
  faults: Partial<Bounds>;
  violates: Invariant | typeof DEAD_END;
  /** A step that the shortest trace must contain. */
  step: string;
  options?: Options;
}

const UNLOCKED_CLAIM: Options = { ignored: ['an owner has a row in processes'], shortcuts: true };
const STALE_ROW_CHANGES = {
  takeOverChecksOwner: false,
  endChecksOwner: false,
  rowChangeChecksCompleted: false,
};

const MISTAKES: Mistake[] = [
  {
    mistake: 'the end does not check the attempt',
    rules: { endChecksOwner: false },
    faults: { falseDeaths: 1 },
    violates: 'the end comes from the newest claim',
    step: 'false death',
  },
  {
    mistake: 'no statement that changes the row checks the row',
    rules: STALE_ROW_CHANGES,
    faults: { falseDeaths: 1 },
    violates: 'one terminal event, nothing after it',
    step: 'end unowned: commits',
  },
  {
    mistake: 'take over does not check that its claim is still the newest',
    rules: { takeOverChecksOwner: false },
    faults: { falseDeaths: 1 },
    violates: 'attempts of started events rise',
    step: 'false death',
  },
  {
    mistake: 'take over reads the state before the newest sequence',
    rules: { takeOverReadsTailFirst: false },
    faults: { falseDeaths: 1 },
    violates: 'a finished node does not run again',
    step: 'take over: read the tail, append started',
  },
  {
    mistake: 'claim takes rows from a living owner',
    rules: { claimTakesOnlyUnowned: false },
    faults: {},
    violates: 'without a fault there is one claim',
    step: 'server, for Q: claim',
  },
  {
    mistake: 'claim reads its row in processes without a lock',
    rules: { claimLocksProcess: false },
    faults: { falseDeaths: 1 },
    violates: 'an owner has a row in processes',
    step: 'false death',
  },
  {
    mistake: 'claim reads its row in processes without a lock, so that false deaths fail an execution',
    rules: { claimLocksProcess: false },
    faults: { falseDeaths: 2, lostAnswers: 1 },
    violates: 'without a crash no execution fails',
    step: 'end: append failed, too many recoveries',
    options: UNLOCKED_CLAIM,
  },
  {
    mistake: 'the sweep counts a crash of a process that has registered again',
    rules: { claimLocksProcess: false, sweepCountsCrash: true },
    faults: { falseDeaths: 1 },
    violates: 'no process that came back counts as crashed',
    step: 'sweep: release an owner without a row',
    options: UNLOCKED_CLAIM,
  },
  {
    mistake: 're-assert does not release a claim whose answer was lost',
    rules: { reassertReleasesForgotten: false },
    faults: { lostAnswers: 1 },
    violates: DEAD_END,
    step: 'lost answer to the claim',
  },
  {
    mistake: 're-assert does not release a hand-over that was not executed',
    rules: { reassertReleasesForgotten: false },
    faults: { handOvers: 1 },
    violates: DEAD_END,
    step: 'release (hand-over), lost answer',
  },
  {
    mistake: 're-assert releases a claim whose answer has not arrived yet',
    rules: { reassertSparesClaims: false },
    faults: {},
    violates: 'without a fault there is one claim',
    step: 're-assert, release what does not run here',
  },
  {
    mistake: 'an uncertain append is appended again without a comparison',
    rules: { doubtComparesBy: 'nothing' },
    faults: { lostAnswers: 1 },
    violates: 'attempts of started events rise',
    step: 'lost answer to the append',
  },
  {
    mistake: 'an uncertain append compares only the sequence',
    rules: { doubtComparesBy: 'sequence' },
    faults: { falseDeaths: 1 },
    violates: 'an acknowledged event is stored',
    step: 'uncertain append (refused): compare',
  },
  {
    mistake: 'a retry sends more events than the append in doubt',
    rules: { retrySendsTheSame: false },
    faults: { lostAnswers: 1 },
    violates: 'an acknowledged event is stored',
    step: 'uncertain append (taken): compare',
  },
  {
    mistake: 'a silent process that still holds its lock is not reclaimed',
    rules: { silenceIgnoresLock: false },
    faults: { freezes: 1 },
    violates: DEAD_END,
    step: 'freeze',
  },
  {
    mistake: 'a process that registers again does not take its counted crash back',
    rules: { countTakenBackBy: 'nothing' },
    faults: { falseDeaths: 1 },
    violates: 'no process that came back counts as crashed',
    step: 'beat lost, register',
  },
  {
    mistake: 'a process that registers again takes its counted crash back only for runs that it knows',
    rules: { countTakenBackBy: 'known runs' },
    faults: { falseDeaths: 1 },
    violates: 'no process that came back counts as crashed',
    step: 'beat lost, register',
  },
  {
    mistake: 'an append does not check the previous event, which a failover has lost',
    rules: { appendChecksPrevious: false },
    faults: { failovers: 1 },
    violates: 'sequences have no hole',
    step: 'failover',
  },
  {
    mistake: 'the token is the attempt, which can be assigned twice after a failover',
    rules: { tokenIsUnique: false },
    faults: { failovers: 1 },
    violates: 'attempts of started events rise',
    step: 'failover',
  },
  {
    mistake: 'a plain append does not read the row, whose claim a failover has lost',
    rules: { plainChecksOwner: false },
    faults: { failovers: 1 },
    violates: 'one terminal event, nothing after it',
    step: 'failover',
  },
];

it.each(MISTAKES)(
  'the model finds a violation when $mistake',
  ({ rules, faults, violates, step, options }) => {
    const found = explore(faults, rules, options);
    expect(found.violated).toBe(violates);
    expect(found.trace[0]).toBe('start');
    expect(found.trace.map((name) => name.replace(/^[PQ]: /, ''))).toContain(step);
  },
);

/**
 * A plain append reads the row without locking it. That is safe, and every search of the protocol includes it: the primary
 * key stops a stale owner, because the first event that it can still append has the same sequence as the `started` of the
 * take over, or as the terminal event. Without a failover it would even be safe not to read the row at all.
 */
it.each<[string, Partial<Rules>, Options]>([
  ['the unlocked read of a plain append', { plainChecksOwner: false }, {}],
  ['completed_at in a condition that names the owner', { rowChangeChecksCompleted: false }, {}],
  [
    'the owner in the condition of the end',
    { endChecksOwner: false },
    { ignored: ['the end comes from the newest claim'] },
  ],
])(
  'the protocol keeps all invariants without %s as long as no failover loses commits',
  (_, rules, options) => {
    const faults = { crashes: 1, falseDeaths: 1, lostAnswers: 1, handOvers: 1, together: 1 };
    const found = explore(faults, rules, options);
    expect(found.trace).toEqual([]);
    expect(found.violated).toBeUndefined();
    expect(found.states).toBeGreaterThan(15_000);
  },
);
