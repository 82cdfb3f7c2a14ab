import { encodeNamedCursor } from './many-cursor.js';

/** One execution on a stream of many: how far it was told. */
export interface Lane {
  readonly ordinal: number;
  readonly executionId: string;
  position: number;
}

/** Where a stream of many executions stands, over all of them. */
export interface Vector {
  /** Those that have joined and are not at their end. */
  readonly lanes: Iterable<Lane>;
  /** The id of a frame: a stream that begins with it goes on just behind. */
  cursor(): string;
  /** A lane was told to its end. */
  over(lane: Lane): void;
}

/** The executions that a client named: what there is to tell is settled from the beginning. */
export class NamedVector implements Vector {
  readonly lanes: ReadonlySet<Lane>;

  /**
   * @param all in the order of their ids
   * @param open those that have something to come
   */
  constructor(
    private readonly fingerprint: Uint8Array,
    private readonly all: readonly Lane[],
    open: Iterable<Lane>,
  ) {
    this.lanes = new Set(open);
  }

  cursor(): string {
    return encodeNamedCursor(
      this.fingerprint,
      this.all.map(({ position }) => position),
    );
  }

  over(lane: Lane): void {
    (this.lanes as Set<Lane>).delete(lane);
  }
}
