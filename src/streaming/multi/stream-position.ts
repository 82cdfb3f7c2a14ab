import { type CursorText, encodeNamedCursor } from './multi-cursor.js';

/** One execution on a stream of many. */
export interface ExecutionPosition {
  readonly ordinal: number;
  readonly executionId: string;
  /** How far it was told; moved by `Vector.tell` alone. */
  position: number;
}

/** Where a stream of many executions stands, over all of them. */
export abstract class StreamPosition {
  private text: CursorText | undefined;

  /** Those that have joined and are not at their end. */
  abstract readonly positions: Iterable<ExecutionPosition>;

  /** A lane was told to its end. */
  abstract markEnded(lane: ExecutionPosition): void;

  /** A lane was told up to a position. */
  advance(lane: ExecutionPosition, position: number): void {
    if (!this.text?.move(lane.ordinal, lane.position, position)) this.text = undefined;
    lane.position = position;
  }

  /** The id of a frame, until anything changes: a stream that begins with it goes on just behind. */
  cursor(): CursorText {
    return (this.text ??= this.encode());
  }

  protected abstract encode(): CursorText;

  /** More than positions have. */
  protected changed(): void {
    this.text = undefined;
  }
}

/** The executions that a client named: what there is to tell is settled from the beginning. */
export class FixedStreamPosition extends StreamPosition {
  readonly positions: ReadonlySet<ExecutionPosition>;

  /**
   * @param all in the order of their ids, which their ordinals count
   * @param open those that have something to come
   */
  constructor(
    private readonly fingerprint: Uint8Array,
    private readonly all: readonly ExecutionPosition[],
    open: Iterable<ExecutionPosition>,
  ) {
    super();
    this.positions = new Set(open);
  }

  markEnded(lane: ExecutionPosition): void {
    (this.positions as Set<ExecutionPosition>).delete(lane);
  }

  protected encode(): CursorText {
    return encodeNamedCursor(
      this.fingerprint,
      this.all.map(({ position }) => position),
    );
  }
}
