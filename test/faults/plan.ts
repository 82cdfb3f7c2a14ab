import type { Direction, Target } from './link-connection.ts';
import type { Profile } from './profiles.ts';
import type { SeededRandom } from './random.ts';
import { type GeneratedWorkflow, generateWorkflow } from './workflows.ts';

/** A fault with all its random parameters. Processes are numbered from 0. */
export type Fault =
  | { kind: 'cut'; process: number; target: Target }
  | { kind: 'strand'; process: number; target: Target; holdMs: number; mostLingerMs: number }
  | { kind: 'outage'; processes: number[]; ms: number }
  | { kind: 'freeze'; process: number; target: Target; direction: Direction | 'both'; ms: number }
  | { kind: 'delay'; process: number; target: Target; mostMs: number; ms: number }
  | { kind: 'lose answers'; process: number; target: Target; count: number; when: 'early' | 'late' }
  | { kind: 'cut at byte'; process: number; target: Target; mostBytes: number }
  | { kind: 'terminate'; count: number }
  | { kind: 'stop'; process: number; ms: number }
  | { kind: 'kill'; process: number; downMs: number }
  | { kind: 'restart'; process: number }
  | {
      kind: 'lock';
      table: 'executions' | 'events' | 'both';
      mode: 'EXCLUSIVE' | 'ACCESS EXCLUSIVE';
      ms: number;
    };

export interface PlannedControl {
  /** Counted from the answer to the POST, or from the control action before. */
  afterMs: number;
  action: 'pause' | 'resume' | 'cancel';
  process: number;
}

export interface PlannedExecution {
  /** ms after the start of the seed. */
  at: number;
  /** The process that gets the first request. */
  process: number;
  workflow: GeneratedWorkflow;
  controls: PlannedControl[];
  watchers: { process: number; roams: boolean }[];
}

/** Everything that a seed decides. */
export interface Plan {
  /** How long faults are injected, in ms. */
  phaseMs: number;
  executions: PlannedExecution[];
  faults: { at: number; fault: Fault }[];
}

/** The relative frequency of each kind of fault. */
export type FaultWeights = Record<Fault['kind'], number>;

const WEIGHTS: FaultWeights = {
  cut: 4,
  strand: 3,
  outage: 3,
  freeze: 4,
  delay: 2,
  'lose answers': 5,
  'cut at byte': 3,
  terminate: 2,
  stop: 3,
  kill: 1.5,
  restart: 1,
  lock: 2,
};

/** @param urlOf URL of the counting server for the n-th execution */
export function makePlan(random: SeededRandom, profile: Profile, urlOf: (n: number) => string): Plan {
  const { processes } = profile;
  const phaseMs = random.chance(0.15) ? random.whole(2_000, 4_000) : random.whole(800, 2_000);
  const count = random.whole(3, 7);
  const executions = Array.from({ length: count }, (_unused, n) =>
    planExecution(random.fork(`execution ${n}`), processes, phaseMs, urlOf(n)),
  );
  const faults = Array.from({ length: random.whole(2, 6) }, (_unused, n) => {
    const own = random.fork(`fault ${n}`);
    return {
      at: own.whole(100, phaseMs - 200),
      fault: planFault(own, profile),
    };
  });
  return { phaseMs, executions, faults: faults.toSorted((a, b) => a.at - b.at) };
}

function planExecution(
  random: SeededRandom,
  processes: number,
  phaseMs: number,
  url: string,
): PlannedExecution {
  const process = () => random.whole(0, processes - 1);
  return {
    at: random.whole(0, Math.floor(phaseMs * 0.6)),
    process: process(),
    workflow: generateWorkflow(random, url),
    controls: planControls(random, processes),
    watchers: Array.from({ length: random.whole(1, 3) }, () => ({
      process: process(),
      roams: random.chance(0.5),
    })),
  };
}

function planControls(random: SeededRandom, processes: number): PlannedControl[] {
  const control = (action: PlannedControl['action'], mostMs: number): PlannedControl => ({
    afterMs: random.whole(0, mostMs),
    action,
    process: random.whole(0, processes - 1),
  });
  const controls: PlannedControl[] = [];
  if (random.chance(0.35)) {
    const times = random.whole(1, 3);
    for (let n = 0; n < times; n += 1) controls.push(control('pause', 600), control('resume', 600));
    // One in three stays paused until all faults have ended.
    if (random.chance(0.33)) controls.pop();
  }
  if (random.chance(0.15)) controls.push(control('cancel', 1_000));
  return controls;
}

function planFault(random: SeededRandom, { processes, weights, standstillMs }: Profile): Fault {
  const kind = random.weighted({ ...WEIGHTS, ...weights });
  const process = random.whole(0, processes - 1);
  const target: Target = random.weighted({
    all: 3,
    'cloutagent-executions': 4,
    'cloutagent-listener': 2,
    'cloutagent-presence': 1,
  });
  const [least, most] = standstillMs ?? (random.chance(0.7) ? [100, 800] : [800, 3_000]);
  const ms = random.whole(least, most);
  switch (kind) {
    case 'cut':
      return { kind, process, target };
    case 'strand':
      return { kind, process, target, holdMs: random.whole(10, 300), mostLingerMs: random.whole(0, 2_000) };
    case 'outage': {
      const all = Array.from({ length: processes }, (_unused, index) => index);
      return { kind, processes: random.chance(0.5) ? all : [process], ms: random.whole(50, 1_500) };
    }
    case 'freeze':
      return { kind, process, target, direction: random.pick(['both', 'toServer', 'toClient'] as const), ms };
    case 'delay':
      return { kind, process, target, mostMs: random.whole(10, 400), ms: random.whole(300, 2_000) };
    case 'lose answers':
      return {
        kind,
        process,
        target,
        count: random.whole(1, 5),
        when: random.pick(['early', 'late'] as const),
      };
    case 'cut at byte':
      return { kind, process, target, mostBytes: random.pick([60, 600, 6_000]) };
    case 'terminate':
      return { kind, count: random.whole(1, 12) };
    case 'stop':
      return { kind, process, ms };
    case 'kill':
      return { kind, process, downMs: random.whole(0, 1_000) };
    case 'restart':
      return { kind, process };
    case 'lock':
      return {
        kind,
        table: random.pick(['executions', 'events', 'both'] as const),
        mode: random.pick(['EXCLUSIVE', 'ACCESS EXCLUSIVE'] as const),
        ms: random.whole(500, 2_000),
      };
  }
}
