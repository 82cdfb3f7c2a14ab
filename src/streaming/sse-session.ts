import { type MessageEvent, SSE_ABORT_CONTROLLER } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { Observable, type Subscriber as Observer } from 'rxjs';

/** A stream that is being opened. */
export interface Opening {
  /** When it can start. */
  readonly ready: Promise<unknown>;
  start(): void;
  /** Called once, when the stream is over, however it ended. */
  close(): void;
}

/**
 * The response of an `@Sse()` method. Nest leads it until its headers are out: guards, pipes, problems, a client that leaves
 * meanwhile. Then the session takes it over and lets Nest finish its part, for what Nest and Express hold for a
 * request is most of what an idle stream weighs (docs/adr/0002).
 */
export class SseSession {
  private source: Readable | undefined;
  private observer: Observer<MessageEvent> | undefined;
  private opening: Opening | undefined;
  private taken = false;

  constructor(private readonly response: ServerResponse) {
    // Nest pipes a stream of its own into the response, just before it subscribes.
    response.once('pipe', (source: Readable) => (this.source = source));
    const controller = (response.req as IncomingMessage & Record<PropertyKey, unknown>)[SSE_ABORT_CONTROLLER];
    if (controller instanceof AbortController) controller.abort = abortPlainly;
  }

  /**
   * What the `@Sse()` method returns. It emits one comment, which makes Nest send the headers at once, and completes when
   * the response is taken over.
   * @param open called when Nest subscribes, which it never does for a client that left before; what it throws is
   * answered as a problem
   */
  observe(open: () => Opening): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      const opening = open();
      this.opening = opening;
      this.observer = observer;
      this.joinWrites();
      observer.next({ comment: '' } as unknown as MessageEvent);
      opening.ready.then(
        () => this.start(opening),
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

  /** Headers, comment and, where the channel is known already, the greeting: one system call instead of three. */
  private joinWrites(): void {
    const { socket } = this.response;
    if (!socket) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  private start(opening: Opening): void {
    if (!this.opening) return;
    opening.start();
    // It may have been over at once.
    if (this.opening) this.take();
  }

  private take(): void {
    const { response, source, observer } = this;
    this.source = undefined;
    // Stays with Nest: a response that waits behind another on its connection.
    if (!source || !response.headersSent || !response.socket || response.destroyed) return;
    this.taken = true;
    this.observer = undefined;
    source.unpipe(response);
    response.once('close', () => this.close());
    observer?.complete();
    lighten(response);
  }

  private close(): void {
    const { opening } = this;
    this.opening = undefined;
    this.observer = undefined;
    opening?.close();
  }
}

const OVER = Symbol('the stream is over, or not led by Nest any more');

/** As Nest gives no reason, an error with a stack would be made for each stream, which nobody here looks at. */
function abortPlainly(this: AbortController): void {
  AbortController.prototype.abort.call(this, OVER);
}

const SENT_HEADERS = Object.assign(Object.create(null), {
  'content-type': ['Content-Type', 'text/event-stream'],
}) as object;

/**
 * Drops what was needed to answer and now only lies about, a third of what a stream weighs. The last two are Node's own and
 * have no other name: where Node calls them otherwise, nothing is dropped.
 */
function lighten(response: ServerResponse): void {
  const request = response.req as IncomingMessage & Record<PropertyKey, unknown>;
  // Express keeps the way through its routers in `next`. Not deleted: that would make the object a larger one.
  request['next'] = request['_parsedUrl'] = request[SSE_ABORT_CONTROLLER] = undefined;
  request.headers = {};
  request.rawHeaders = [];
  const sent = response as unknown as Record<PropertyKey, unknown>;
  const headers = Object.getOwnPropertySymbols(sent).find(({ description }) => description === 'kOutHeaders');
  if (headers) sent[headers] = SENT_HEADERS;
  if (typeof sent['_header'] === 'string') sent['_header'] = 'sent';
}
