import { type CursorText, encodeFixedCursor } from './multi-cursor.js';

/** One execution on a stream of many, and how far its events were sent. */
export interface ExecutionPosition {
  /** Identifies the execution in cursors. */
  readonly ordinal: number;
  readonly executionId: string;
  /** The sequence of the last event sent. Changed only by `StreamPosition.advance`. */
  position: number;
}

/** The position of a stream of many executions: the positions in all of them, which the cursor in each frame's id holds. */
export abstract class StreamPosition {
  private text: CursorText | undefined;

  /** The executions that have joined and have events to come. */
  abstract readonly positions: Iterable<ExecutionPosition>;

  /** Whether the stream ends when the events of these executions were sent. */
  abstract readonly isComplete: boolean;

  /** Removes an execution: its events were sent to the last one. */
  abstract markEnded(execution: ExecutionPosition): void;

  /** Removes an execution that was deleted. */
  abstract markDeleted(execution: ExecutionPosition): void;

  /** Records that the events of an execution were sent up to a position. */
  advance(execution: ExecutionPosition, position: number): void {
    if (!this.text?.move(execution.ordinal, execution.position, position)) this.text = undefined;
    execution.position = position;
  }

  /** Returns the id for the next frame. A stream that begins with this cursor continues after that frame. */
  cursor(): CursorText {
    return (this.text ??= this.encode());
  }

  protected abstract encode(): CursorText;

  /** Must be called after any change of the cursor except to a position. */
  protected changed(): void {
    this.text = undefined;
  }
}

/** The position in executions that the client selected by id. No others join. */
export class FixedStreamPosition extends StreamPosition {
  readonly positions: ReadonlySet<ExecutionPosition>;

  /**
   * @param all in the order of their ids, with the ordinals 1, 2, 3 …
   * @param open those that have events to come
   */
  constructor(
    private readonly fingerprint: Uint8Array,
    private readonly all: readonly ExecutionPosition[],
    open: Iterable<ExecutionPosition>,
  ) {
    super();
    this.positions = new Set(open);
  }

  /** Always, because no execution joins. */
  readonly isComplete = true;

  markEnded(execution: ExecutionPosition): void {
    (this.positions as Set<ExecutionPosition>).delete(execution);
  }

  markDeleted(execution: ExecutionPosition): void {
    this.markEnded(execution);
  }

  protected encode(): CursorText {
    return encodeFixedCursor(
      this.fingerprint,
      this.all.map(({ position }) => position),
    );
  }
}
