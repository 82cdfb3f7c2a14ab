/** The fair steps between the states of a search. States are numbered in the order of their discovery. */
export class FairGraph {
  private readonly from: number[] = [];
  private readonly to: number[] = [];

  add(from: number, to: number): void {
    this.from.push(from);
    this.to.push(to);
  }

  /** @returns the first state from which fair steps reach no goal, or -1 */
  firstStuck(goals: readonly number[], states: number): number {
    const before = new Neighbours(this.to, this.from, states);
    const reached = new Uint8Array(states);
    const waiting = [...goals];
    for (const goal of goals) reached[goal] = 1;
    while (waiting.length > 0)
      before.each(waiting.pop()!, (state) => {
        if (reached[state]) return;
        reached[state] = 1;
        waiting.push(state);
      });
    return reached.indexOf(0);
  }

  /** @returns the first state on a cycle of fair steps, or between two cycles, or -1 */
  firstOnCycle(states: number): number {
    const before = new Neighbours(this.to, this.from, states);
    const next = new Neighbours(this.from, this.to, states);
    const removed = new Uint8Array(states);
    // Removes states without outgoing steps, then states without incoming steps, until only cycles are left.
    for (const [along, against] of [
      [next, before],
      [before, next],
    ] as const) {
      const left = new Int32Array(states);
      for (let state = 0; state < states; state += 1)
        if (!removed[state])
          along.each(state, (other) => {
            if (!removed[other]) left[state]! += 1;
          });
      const waiting: number[] = [];
      for (let state = 0; state < states; state += 1)
        if (!removed[state] && left[state] === 0) waiting.push(state);
      while (waiting.length > 0) {
        const state = waiting.pop()!;
        removed[state] = 1;
        against.each(state, (other) => {
          left[other]! -= 1;
          if (!removed[other] && left[other] === 0) waiting.push(other);
        });
      }
    }
    return removed.indexOf(0);
  }
}

/** Stores the neighbours of all states in one array. One list for each of millions of states would take far more memory. */
class Neighbours {
  private readonly offsets: Int32Array;
  private readonly others: Int32Array;

  constructor(ends: readonly number[], others: readonly number[], states: number) {
    this.offsets = new Int32Array(states + 2);
    this.others = new Int32Array(ends.length);
    for (const end of ends) this.offsets[end + 2]! += 1;
    for (let index = 2; index < this.offsets.length; index += 1)
      this.offsets[index]! += this.offsets[index - 1]!;
    for (const [edge, end] of ends.entries()) {
      this.others[this.offsets[end + 1]!] = others[edge]!;
      this.offsets[end + 1]! += 1;
    }
  }

  each(state: number, visit: (other: number) => void): void {
    for (let at = this.offsets[state]!; at < this.offsets[state + 1]!; at += 1) visit(this.others[at]!);
  }
}
