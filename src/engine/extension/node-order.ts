import type { WorkflowGraph } from '@cloutagent/contract';

/** Knows which nodes of an acyclic workflow finish before which others start. It stores one bit for each pair of nodes. */
export class NodeOrder {
  private readonly positions = new Map<string, number>();
  /** The ancestors of each node, as bits by position. */
  private readonly ancestors: Uint32Array[] = [];

  constructor(graph: WorkflowGraph) {
    const order = graph.layers().flat();
    for (const [position, id] of order.entries()) {
      this.positions.set(id, position);
      const bits = new Uint32Array(Math.ceil(order.length / 32));
      for (const parent of graph.parentsOf(id)) {
        const parentPosition = this.positions.get(parent)!;
        bits[parentPosition >>> 5]! |= 1 << (parentPosition & 31);
        const inherited = this.ancestors[parentPosition]!;
        for (let word = 0; word < bits.length; word += 1) bits[word]! |= inherited[word]!;
      }
      this.ancestors.push(bits);
    }
  }

  /** Whether node `id` must be done before node `other` starts; false if either is unknown. */
  isBefore(id: string, other: string): boolean {
    const position = this.positions.get(id);
    const otherPosition = this.positions.get(other);
    if (position === undefined || otherPosition === undefined) return false;
    return ((this.ancestors[otherPosition]![position >>> 5]! >>> (position & 31)) & 1) === 1;
  }
}
