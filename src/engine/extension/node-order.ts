import type { WorkflowGraph } from '@cloutagent/contract';

/** Which nodes of a workflow without cycles must be done before which: one bit for each pair. */
export class NodeOrder {
  private readonly places = new Map<string, number>();
  private readonly before: Uint32Array[] = [];

  constructor(graph: WorkflowGraph) {
    const order = graph.layers().flat();
    for (const [place, id] of order.entries()) {
      this.places.set(id, place);
      const bits = new Uint32Array(Math.ceil(order.length / 32));
      for (const parent of graph.parentsOf(id)) {
        const at = this.places.get(parent)!;
        bits[at >>> 5]! |= 1 << (at & 31);
        const further = this.before[at]!;
        for (let word = 0; word < bits.length; word += 1) bits[word]! |= further[word]!;
      }
      this.before.push(bits);
    }
  }

  /** Whether `id` is a node that must be done before `other` starts. */
  isBefore(id: string, other: string): boolean {
    const [at, of] = [this.places.get(id), this.places.get(other)];
    if (at === undefined || of === undefined) return false;
    return ((this.before[of]![at >>> 5]! >>> (at & 31)) & 1) === 1;
  }
}
