import { TextLog, type TextView } from './text-log.js';

/** The text of a node over all its attempts. Text of events that do not stay valid can be dropped. */
export class AttemptText {
  private readonly log = new TextLog();
  /** Sequences of the events with text, and where the text of each ends. */
  private sequences: number[] = [];
  private ends: number[] = [];

  append(sequence: number, chunk: string): void {
    this.log.append(chunk);
    this.sequences.push(sequence);
    this.ends.push(this.log.end);
  }

  /** Drops the text of the events after `through`. */
  dropAfter(through: number): void {
    let kept = this.sequences.length;
    while (kept > 0 && (this.sequences[kept - 1] ?? 0) > through) kept -= 1;
    if (kept === this.sequences.length) return;
    this.log.truncate(this.ends[kept - 1] ?? 0);
    this.sequences.length = kept;
    this.ends.length = kept;
  }

  view(): TextView {
    return this.log.view();
  }
}
