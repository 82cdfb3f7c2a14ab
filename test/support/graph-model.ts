import type { Workflow } from '@cloutagent/contract';

export type Outcome = 'completed' | 'failed' | 'skipped';
type Edge = Workflow['edges'][number];

/** What happens to each node if it runs, and the value of each condition, by the index of its edge. */
export interface Fate {
  readonly fails: ReadonlySet<string>;
  readonly values: readonly boolean[];
}

/**
 * The rules of edges and joins, written as definitions and without the algorithm of the engine. It looks at the whole graph for
 * each question.
 */
export class GraphModel {
  constructor(
    private readonly workflow: Workflow,
    private readonly fate: Fate,
  ) {}

  /** The outcome of each node if the execution runs to its natural end: a node runs if it has no edges or one is taken. */
  outcomes(): Map<string, Outcome> {
    const outcomes = new Map<string, Outcome>();
    const outcomeOf = (id: string): Outcome => {
      const known = outcomes.get(id);
      if (known) return known;
      const incoming = this.workflow.edges.filter(({ target }) => target === id);
      const runs =
        incoming.length === 0 || incoming.some((edge) => this.isTaken(edge, outcomeOf(edge.source)));
      const outcome = runs ? this.outcomeIfRun(id) : 'skipped';
      outcomes.set(id, outcome);
      return outcome;
    };
    for (const { id } of this.workflow.nodes) outcomeOf(id);
    return outcomes;
  }

  outcomeIfRun(id: string): 'completed' | 'failed' {
    return this.fate.fails.has(id) ? 'failed' : 'completed';
  }

  isTaken(edge: Edge, outcome: Outcome): boolean {
    if (outcome === 'skipped' || !fits(edge, outcome)) return false;
    if (edge.when !== undefined) return this.valueOf(edge);
    const others = this.workflow.edges.filter(
      (other) => other.source === edge.source && other.when !== undefined && fits(other, outcome),
    );
    return edge.otherwise !== true || others.every((other) => !this.valueOf(other));
  }

  /** Whether an `on: "error"` edge of a failed node is taken. */
  isHandled(id: string): boolean {
    return this.takes(id, 'error');
  }

  /** Whether a failed node takes an `on: "always"` edge. */
  takesAlways(id: string): boolean {
    return this.takes(id, 'always');
  }

  /** The nodes that may run while the outcomes of others are not known yet. */
  ready(known: ReadonlyMap<string, Outcome>): string[] {
    return this.workflow.nodes.flatMap(({ id, data: { join } }) => {
      if (known.has(id)) return [];
      const incoming = this.workflow.edges.filter(({ target }) => target === id);
      const decided = incoming.filter(({ source }) => known.has(source));
      const anyTaken = decided.some((edge) => this.isTaken(edge, known.get(edge.source)!));
      const isComplete = decided.length === incoming.length;
      return incoming.length === 0 || (anyTaken && (isComplete || join === 'any')) ? [id] : [];
    });
  }

  private takes(id: string, on: Edge['on']): boolean {
    return this.workflow.edges.some(
      (edge) => edge.source === id && edge.on === on && this.isTaken(edge, 'failed'),
    );
  }

  private valueOf(edge: Edge): boolean {
    return this.fate.values[this.workflow.edges.indexOf(edge)]!;
  }
}

function fits({ on }: Edge, outcome: Outcome): boolean {
  switch (on) {
    case 'always':
      return outcome !== 'skipped';
    case 'error':
      return outcome === 'failed';
    default:
      return outcome === 'completed';
  }
}
