// Breadth-first search over all states of a model. The first violation that it finds has the shortest trace.
import { FairGraph } from './fair-graph.ts';

/** One atomic step. */
export interface Step<S> {
  name: string;
  /** Whether the step happens sooner or later while it stays possible. Faults, zombies and requests of people are not fair. */
  fair: boolean;
  next: S;
}

export interface Model<S> {
  initial: S;
  steps: (state: S) => Step<S>[];
  /** @returns the same text for states that behave the same */
  key: (state: S) => string;
  /** @returns the name of an invariant that does not hold */
  violated: (state: S) => string | undefined;
  /** Whether this state is a goal. A goal must stay reachable by fair steps alone. */
  isGoal: (state: S) => boolean;
}

export interface Finding {
  states: number;
  steps: number;
  /** The number of steps of the longest shortest trace. */
  depth: number;
  /** The invariant, or `DEAD_END`, or `CYCLE`. */
  violated?: string;
  /** The names of the steps that lead to the violation. */
  trace: string[];
}

/** Violated by a state from which fair steps can no longer reach the goal. */
export const DEAD_END = 'the end stays reachable';
/** Violated by a cycle of fair steps. Without a cycle and without a dead end, fair steps always lead to the goal. */
export const CYCLE = 'fair steps terminate';

/**
 * Explores every state.
 * @param maxStates limits the memory that a model without bounds can take
 * @throws Error when there are more states than that
 */
export function search<S>(model: Model<S>, maxStates = 5_000_000): Finding {
  const seen = new Map<string, number>([[model.key(model.initial), 0]]);
  const parents = [-1];
  const names = [''];
  const depths = [0];
  const goals: number[] = [];
  const fair = new FairGraph();
  let steps = 0;
  const trace = (index: number): string[] => {
    const path: string[] = [];
    for (let at = index; at > 0; at = parents[at]!) path.push(names[at]!);
    return path.toReversed();
  };
  const finding = (end: { violated: string; index: number } | undefined): Finding => ({
    states: seen.size,
    steps,
    depth: depths.at(-1)!,
    ...(end && { violated: end.violated }),
    trace: end ? trace(end.index) : [],
  });

  let frontier: S[] = [model.initial];
  let first = 0;
  while (frontier.length > 0) {
    const next: S[] = [];
    for (const [offset, state] of frontier.entries()) {
      const index = first + offset;
      const wrong = model.violated(state);
      if (wrong !== undefined) return finding({ violated: wrong, index });
      if (model.isGoal(state)) goals.push(index);
      for (const step of model.steps(state)) {
        steps += 1;
        const key = model.key(step.next);
        let to = seen.get(key);
        if (to === undefined) {
          to = seen.size;
          if (to >= maxStates) throw new Error(`more than ${maxStates} states`);
          seen.set(key, to);
          parents.push(index);
          names.push(step.name);
          depths.push(depths[index]! + 1);
          next.push(step.next);
        }
        if (step.fair) fair.add(index, to);
      }
    }
    first += frontier.length;
    frontier = next;
  }
  const stuck = fair.firstStuck(goals, seen.size);
  if (stuck >= 0) return finding({ violated: DEAD_END, index: stuck });
  const onCycle = fair.firstOnCycle(seen.size);
  return finding(onCycle < 0 ? undefined : { violated: CYCLE, index: onCycle });
}
