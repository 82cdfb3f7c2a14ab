import { Injectable } from '@nestjs/common';

/** Counters of this process's streams since it started. Plain numbers, which `/metrics` reads. */
@Injectable()
export class StreamStats {
  /** Streams that were opened. */
  opened = 0;
  /** Events written, counted once for each stream. */
  delivered = 0;
  /** Bytes written to sockets, including heartbeats, after compression. */
  bytes = 0;
  /** Bytes that compression saved. */
  bytesSaved = 0;
  /** Pages read from the journal for streams that catch up. */
  catchUpReads = 0;
  /** Streams closed because their socket took nothing for the stall limit. */
  stalled = 0;
  /** Recent events dropped from memory to make space for newer ones. */
  evicted = 0;
}
