/**
 * A histogram of plain numbers. What is measured on a hot path costs a few additions; whoever scrapes the
 * metrics reads it then.
 */
export class Histogram {
  /** How many values were at most each bound and above the one before; the last is for those above all. */
  readonly counts: number[];
  sum = 0;

  /** @param bounds upper bounds, ascending */
  constructor(readonly bounds: readonly number[]) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    let place = 0;
    while (place < this.bounds.length && value > this.bounds[place]!) place += 1;
    this.counts[place]! += 1;
    this.sum += value;
  }
}
