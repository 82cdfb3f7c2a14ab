import type { RecordedEvent } from '../../events/recorded-event.js';
import type { JournalReader } from '../../journal/journal-reader.js';
import { type FrameEncoder, OWN_FORMAT } from '../frames/frame-encoder.js';
import { Checkpoints } from './checkpoints.js';
import type { PageCache, PageContent } from './page-cache.js';

/** Most events of one journal read. */
const READ_EVENTS = 1_000;

/** The format of a channel's frames. */
export interface ChannelFormat {
  readonly name: string;
  /** Returns an encoder for the first event. */
  readonly begin: () => FrameEncoder;
}

/** What a channel's encoder needs of the objects that all channels share. */
export interface EncoderContext {
  readonly journal: JournalReader;
  readonly pages: PageCache;
  readonly limits: {
    /** Data of events that are held until they can be encoded, in characters. */
    readonly bufferBytes: number;
    /** Bytes of one journal read. */
    readonly pageBytes: number;
  };
}

/**
 * Encodes the events of one channel. The format of this server encodes each event by itself. Other formats need the events
 * before: `prime` reads them, and new events are held meanwhile.
 */
export class ChannelEncoder {
  /** The pages of a format; undefined for the format of this server. */
  readonly content: (PageContent & { readonly checkpoints: Checkpoints }) | undefined;
  /** Encodes the next event. Undefined while the format needs the events before, and after it has failed. */
  private encoder: FrameEncoder | undefined;
  /** The event up to which pages were encoded when the format was primed. */
  private encodedTo = 0;
  /** Events that wait until the format can encode them. */
  private held: RecordedEvent[] = [];
  private heldLength = 0;

  /** @param format undefined for the format of this server */
  constructor(
    private readonly executionId: string,
    private readonly context: EncoderContext,
    format: ChannelFormat | undefined,
  ) {
    if (format) this.content = { key: `format ${format.name}`, checkpoints: new Checkpoints(format.begin()) };
    else this.encoder = OWN_FORMAT;
  }

  /** Whether the format needs the events before. Streams read pages until then. */
  get needsPriming(): boolean {
    return this.encoder === undefined;
  }

  canEncode({ sequence }: RecordedEvent): boolean {
    return this.encoder !== undefined && sequence > this.encodedTo;
  }

  /**
   * Encodes the next event.
   * @throws what the format throws; it needs to be primed then
   */
  encode(event: RecordedEvent): string {
    try {
      return this.encoder!.encode(event);
    } catch (error) {
      this.encoder = undefined;
      throw error;
    }
  }

  /** Keeps an event until the format can encode it. Too many events are dropped: `prime` reads them from the journal. */
  hold(event: RecordedEvent): void {
    if (this.encoder) return;
    this.held.push(event);
    this.heldLength += event.data.length;
    if (this.heldLength > this.context.limits.bufferBytes) this.takeHeld();
  }

  /** Whether the client of a stream at the newest position has to act before there are more frames. */
  isIdleAfter(position: number): boolean {
    return position >= this.encodedTo && this.encoder?.isIdle === true;
  }

  /**
   * Returns an encoder of the format for the event after a position.
   * @returns undefined for the format of this server, or if the execution was deleted
   */
  async after(position: number): Promise<FrameEncoder | undefined> {
    if (!this.content) return undefined;
    const { position: from, encoder } = this.content.checkpoints.before(position);
    const fork = encoder.fork();
    const { journal, limits } = this.context;
    for (let read = from; read < position;) {
      const page = { limit: Math.min(READ_EVENTS, position - read), bytes: limits.pageBytes };
      const events = await journal.read(this.executionId, read, page);
      if (events.length === 0) return undefined;
      for (const event of events) fork.encode(event);
      read = events.at(-1)!.sequence;
    }
    return fork;
  }

  /**
   * Reads the journal up to the channel's position, so that the format can encode the next event.
   * @param position returns the channel's position; undefined once it has closed
   * @param onPrimed takes the events that were held, at once: no event may come between
   */
  async prime(
    position: () => number | undefined,
    onPrimed: (held: readonly RecordedEvent[]) => void,
  ): Promise<void> {
    if (!this.content) return;
    for (let known = position(); known !== undefined;) {
      const found = await this.context.pages.encoderAt(this.executionId, this.content, known);
      known = position();
      if (!found || known === undefined) return;
      const next = this.held.findIndex(({ sequence }) => sequence === found.position + 1);
      if (found.position < known && next === -1) continue;
      const held = this.takeHeld();
      this.encodedTo = found.position;
      this.encoder = found.encoder;
      onPrimed(next === -1 ? [] : held.slice(next));
      return;
    }
  }

  private takeHeld(): RecordedEvent[] {
    const { held } = this;
    this.held = [];
    this.heldLength = 0;
    return held;
  }
}
