import type { Json } from '@cloutagent/contract';
import type { AgUiEvent } from './ag-ui-events.js';
import type { AgUiState } from './ag-ui-state.js';

/** Collects the frames of one event of an execution. */
export class FrameWriter {
  readonly events: AgUiEvent[] = [];
  private patch: { op: 'add'; path: string; value: unknown }[] = [];

  constructor(
    readonly state: AgUiState,
    /** The time of the event, in ms. */
    private readonly timestamp: number,
  ) {}

  add(type: string, members: Readonly<Record<string, unknown>> = {}): void {
    this.events.push({ type, ...members, timestamp: this.timestamp });
  }

  /** Adds part of a text. It has no time, because there are many of them. */
  addDelta(type: string, messageId: string, delta: string): void {
    this.events.push({ type, messageId, delta });
  }

  /** Changes the member `execution` of the state that the client shares. @param path below it, such as `/status` */
  change(path: string, value: Json | object): void {
    this.patch.push({ op: 'add', path: `/execution${path}`, value });
  }

  /** Adds one STATE_DELTA for the changes since the last one. */
  addChanges(): void {
    const delta = this.patch;
    this.patch = [];
    // A run begins with the whole state, so changes between runs need no event.
    if (delta.length > 0 && this.state.phase === 'running') this.add('STATE_DELTA', { delta });
  }
}
