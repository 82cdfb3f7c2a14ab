import { type MessageEvent, SSE_ABORT_CONTROLLER } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { Observable, type Subscriber as Observer } from 'rxjs';
import { detachHttpParser, releaseRequestMemory, mayBeLast } from './release-request-memory.js';

/** A stream that is being opened. */
export interface StreamHandle {
  /** When it can start. */
  readonly ready: Promise<unknown>;
  readonly start: () => void;
  /** Called once, when the stream is over, however it ended. */
  readonly close: () => void;
}

/** Nest's `SseStream`, which it does not export: it sends the headers when told to, or before the first event. */
interface NestWriter extends Readable {
  commitHeaders: () => void;
}

/** As Nest has them. */
const HEAD = {
  'Content-Type': 'text/event-stream',
  // no-transform: a proxy that compresses would hold events back.
  'Cache-Control': 'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
};
const LAST_HEAD = { ...HEAD, Connection: 'close' };

/**
 * The response of an `@Sse()` method. Nest leads it until it subscribes: guards, pipes, problems, a client that leaves
 * meanwhile. Then the session sends the headers, takes the response over and lets Nest finish its part, for what Nest and
 * Express hold for a request is most of what an idle stream weighs (docs/adr/0002).
 */
export class SseResponse {
  private source: NestWriter | undefined;
  private observer: Observer<MessageEvent> | undefined;
  /** The stream's end, until it has come. */
  private onClose: (() => void) | undefined;
  private taken = false;

  constructor(private readonly response: ServerResponse) {
    // Nest pipes a stream of its own into the response, just before it subscribes.
    response.once('pipe', (source: NestWriter) => (this.source = source));
    const controller = (response.req as IncomingMessage & Record<PropertyKey, unknown>)[SSE_ABORT_CONTROLLER];
    if (controller instanceof AbortController) controller.abort = abortPlainly;
  }

  /**
   * What the `@Sse()` method returns. It emits nothing: when Nest subscribes, the session sends the headers and takes the
   * response over.
   * @param open called when Nest subscribes, which it never does for a client that left before; what it throws is
   * answered as a problem
   */
  observe(open: () => StreamHandle): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      const opening = open();
      this.onClose = opening.close;
      this.observer = observer;
      this.joinWrites();
      const isLast = mayBeLast(this.response);
      this.sendHead(isLast);
      if (isLast) detachHttpParser(this.response);
      this.take();
      opening.ready.then(
        () => {
          if (this.onClose) opening.start();
        },
        () => this.end(),
      );
      return () => {
        if (!this.taken) this.close();
      };
    });
  }

  /** Ends the response. Never an error into the Observable: Nest would send `event: error`. */
  end(): void {
    if (this.taken) this.response.end();
    else this.observer?.complete();
    this.close();
  }

  /** Headers and, where the channel is known already, the greeting: one system call instead of two. */
  private joinWrites(): void {
    const { socket } = this.response;
    if (!socket) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  /** What Nest would send, without the way through its writer, a fifth of what a connect allocates. */
  private sendHead(isLast: boolean): void {
    if (this.source) this.source.commitHeaders = () => undefined;
    this.response.writeHead(this.response.statusCode, isLast ? LAST_HEAD : HEAD);
    this.response.flushHeaders();
  }

  private take(): void {
    const { response, source, observer } = this;
    this.source = undefined;
    // Stays with Nest: a response that waits behind another on its connection.
    if (!source || !response.socket || response.destroyed) return;
    this.taken = true;
    this.observer = undefined;
    source.unpipe(response);
    response.once('close', () => this.close());
    observer?.complete();
    releaseRequestMemory(response);
  }

  private close(): void {
    const { onClose } = this;
    this.onClose = undefined;
    this.observer = undefined;
    onClose?.();
  }
}

const OVER = Symbol('the stream is over, or not led by Nest any more');

/** As Nest gives no reason, an error with a stack would be made for each stream, which nobody here looks at. */
function abortPlainly(this: AbortController): void {
  AbortController.prototype.abort.call(this, OVER);
}
