import type { ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { ExecutionModel } from './execution-model.js';
import { inNextFrame } from './frames.js';
import type { EventStreamListener, ServerState, SharedEventStream } from './shared-event-stream.js';
import { EMPTY, type ExecutionSnapshot } from './snapshot.js';

/** The live state of one execution, for any number of components. It changes at most once per animation frame. */
export class ExecutionStore implements EventStreamListener {
  private readonly model = new ExecutionModel();
  private readonly watchers = new Set<() => void>();
  private readonly stopListening: () => void;
  private connection: ConnectionState = EMPTY.connection;
  private connectionSince = 0;
  private server: ServerState | undefined;
  private current: ExecutionSnapshot = EMPTY;

  constructor(
    private readonly stream: SharedEventStream,
    private readonly releaseStream: () => void,
  ) {
    this.stopListening = stream.listen(this);
  }

  get snapshot(): ExecutionSnapshot {
    return this.current;
  }

  /** Calls `watcher` with every change. @returns a function that stops it */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  onEvent(event: ExecutionEvent): void {
    if (this.model.apply(event)) inNextFrame(this.publish);
  }

  onState(state: ConnectionState): void {
    this.connection = state;
    this.connectionSince = Date.now();
    inNextFrame(this.publish);
  }

  onEstablished(server: ServerState): void {
    this.server = server;
    inNextFrame(this.publish);
  }

  reconnect(): void {
    this.stream.reconnect();
  }

  close(): void {
    this.stopListening();
    this.releaseStream();
    this.watchers.clear();
  }

  private readonly publish = (): void => {
    const { connection, connectionSince, server } = this;
    const view = this.model.view();
    const caughtUp = server !== undefined && view.lastSequence >= server.lastSequence;
    const clockOffset = server?.clockOffset ?? 0;
    this.current = { ...view, connection, connectionSince, clockOffset, caughtUp };
    for (const watcher of this.watchers) watcher();
  };
}
