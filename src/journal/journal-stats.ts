import { Histogram } from '../common/histogram.js';

/** Counts of the journal since the process started, for `/metrics`. */
export class JournalStats {
  /** Events per commit. */
  readonly flushEvents = new Histogram([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]);
  /** Duration of a commit, in s. */
  readonly commitSeconds = new Histogram([
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
  ]);
  /** Appends that were refused. */
  failedAppends = 0;
  /** Appends that were sent again because the database did not answer or could not store them. */
  repeatedAppends = 0;
}
