import { Injectable } from '@nestjs/common';
import { type EventType, isTerminalEvent } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { ProblemError } from '../../problems/problem.error.js';
import type { FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { FormatEncoder } from '../../streaming/formats/format-encoder.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import { ExecutionLookup } from './execution-lookup.js';
import { FormatSessions } from './format-sessions.js';

const PAGE = { limit: 1_000, bytes: 1_048_576 };

/** A frame, and its place among the frames of the execution. */
interface PlacedFrame extends OutputFrame {
  readonly sequence: number;
  /** Number of the frame among those of its event, from 1. */
  readonly part: number;
}

/** An execution in a format, up to an event. */
export interface FormattedJournal<State> {
  readonly execution: FormattedExecution;
  /** The state of the format after the last event. */
  readonly state: State;
  /** The frames of all events, if they were wanted. */
  readonly frames: readonly PlacedFrame[];
  readonly lastSequence: number;
  /** Whether the last event is the execution's end. */
  readonly hasEnded: boolean;
}

/** An event in a format. */
export interface FormattedEvent<State> {
  readonly sequence: number;
  readonly type: EventType;
  readonly frames: readonly OutputFrame[];
  /** The state of the format after the event. It changes with the next event. */
  readonly state: State;
}

/** Reads executions in the formats of other protocols, for answers that are no streams. */
@Injectable()
export class FormatReader {
  constructor(
    private readonly executions: ExecutionLookup,
    private readonly sessions: FormatSessions,
    private readonly journal: JournalReader,
    private readonly hub: StreamHub,
    private readonly revocations: RevocationMonitor,
  ) {}

  /**
   * Translates the events that an execution has now.
   * @param options.frames whether the frames are returned. Default: false
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async read<State extends object>(
    executionId: string,
    format: string,
    principal: Principal,
    { frames: wantsFrames = false }: { frames?: boolean } = {},
  ): Promise<FormattedJournal<State>> {
    const { id } = await this.executions.find(executionId, principal);
    const session = await this.sessions.of(id, format);
    const encoder = FormatEncoder.begin(session);
    const frames: PlacedFrame[] = [];
    let last: RecordedEvent | undefined;
    for (;;) {
      const events = await this.journal.read(id, last?.sequence ?? 0, PAGE);
      for (const event of events) {
        const { sequence } = event;
        const encoded = encoder.frames(event);
        if (wantsFrames)
          for (const [index, frame] of encoded.entries())
            frames.push({ ...frame, sequence, part: index + 1 });
      }
      last = events.at(-1) ?? last;
      if (events.length === 0 || (last && isTerminalEvent(last.type))) break;
    }
    return {
      execution: session.execution,
      state: encoder.state as State,
      frames,
      lastSequence: last?.sequence ?? 0,
      hasEnded: last !== undefined && isTerminalEvent(last.type),
    };
  }

  /**
   * Translates the events of an execution from the first one, and then each new one until the terminal event. It returns
   * earlier, without that event, when `signal` aborts, the server stops, or the execution is deleted.
   * @param after events up to this sequence are not yielded
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ProblemError 401 `invalid_credentials` when the principal loses its access
   */
  async *follow<State extends object>(
    executionId: string,
    format: string,
    principal: Principal,
    signal: AbortSignal,
    after = 0,
  ): AsyncGenerator<FormattedEvent<State>> {
    const { id } = await this.executions.find(executionId, principal);
    const encoder = FormatEncoder.begin(await this.sessions.of(id, format));
    const lost = new AbortController();
    using _watch = this.revocations.onLoss(principal, () => lost.abort());
    for await (const event of this.hub.follow(id, AbortSignal.any([signal, lost.signal]))) {
      if (lost.signal.aborted) break;
      const { sequence, type } = event;
      const frames = encoder.frames(event);
      if (sequence > after) yield { sequence, type, frames, state: encoder.state as State };
    }
    if (lost.signal.aborted) throw new ProblemError('invalid_credentials');
  }
}
