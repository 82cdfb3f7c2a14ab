/** The part of a step's events that stays valid when the step ends as `retrying`. */
export interface KeptOutput {
  readonly nodeId: string;
  readonly stepId: string;
  /** The last event of the stored work of the step. */
  readonly through: number;
}

/** Knows for each node of an execution which step has stored its newest work. */
export class KeptOutputs {
  private readonly newest = new Map<string, KeptOutput>();

  constructor(kept: readonly KeptOutput[] = []) {
    for (const each of kept) this.add(each);
  }

  add(kept: KeptOutput): void {
    const known = this.newest.get(kept.nodeId);
    if (!known || known.through < kept.through) this.newest.set(kept.nodeId, kept);
  }

  /** Returns the step that the next step of a node continues; undefined if nothing is stored. */
  stepOf(nodeId: string): string | undefined {
    return this.newest.get(nodeId)?.stepId;
  }

  /** Returns the fields of the event that ends a step as `retrying`. */
  fieldsOf({ nodeId, stepId }: { nodeId: string; stepId: string }): { keptThrough?: number } {
    const kept = this.newest.get(nodeId);
    return kept?.stepId === stepId ? { keptThrough: kept.through } : {};
  }
}
