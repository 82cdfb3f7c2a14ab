/** Counts plain numbers in buckets. Adding a value costs a few additions, so that hot paths can use it. */
export class Histogram {
  /**
   * The number of values in each bucket: values that are at most the bound with the same index and above the bound before
   * it. The last bucket has the values above all bounds.
   */
  readonly counts: number[];
  sum = 0;

  /** @param bounds upper bounds, ascending */
  constructor(readonly bounds: readonly number[]) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sum += value;
  }
}
