import { type CursorText, encodeNamedCursor } from './many-cursor.js';

/** One execution on a stream of many. */
export interface Lane {
  readonly ordinal: number;
  readonly executionId: string;
  /** How far it was told; moved by `Vector.tell` alone. */
  position: number;
}

/** Where a stream of many executions stands, over all of them. */
export abstract class Vector {
  private text: CursorText | undefined;

  /** Those that have joined and are not at their end. */
  abstract readonly lanes: Iterable<Lane>;

  /** A lane was told to its end. */
  abstract over(lane: Lane): void;

  /** A lane was told up to a position. */
  tell(lane: Lane, position: number): void {
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
export class NamedVector extends Vector {
  readonly lanes: ReadonlySet<Lane>;

  /**
   * @param all in the order of their ids, which their ordinals count
   * @param open those that have something to come
   */
  constructor(
    private readonly fingerprint: Uint8Array,
    private readonly all: readonly Lane[],
    open: Iterable<Lane>,
  ) {
    super();
    this.lanes = new Set(open);
  }

  over(lane: Lane): void {
    (this.lanes as Set<Lane>).delete(lane);
  }

  protected encode(): CursorText {
    return encodeNamedCursor(
      this.fingerprint,
      this.all.map(({ position }) => position),
    );
  }
}
