import { Injectable } from '@nestjs/common';

/** What the streams of this process have done since it started. Plain numbers: `/metrics` reads them. */
@Injectable()
export class StreamStats {
  /** Streams that were opened. */
  opened = 0;
  /** Events written to streams: one for each stream it went to. */
  delivered = 0;
  /** Bytes handed to sockets' writers, heartbeats included. */
  bytes = 0;
  /** Bytes that compression made them less. */
  bytesSaved = 0;
  /** Pages read from the journal for streams that were behind. */
  catchUpReads = 0;
  /** Streams closed because their socket took nothing for the stall limit. */
  stalled = 0;
  /** Events dropped from the rings of recent ones to make room. */
  evicted = 0;
}
