import { type MessageEvent, SSE_ABORT_CONTROLLER } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { Observable, type Subscriber as Observer } from 'rxjs';
import type { ChunkEncoder } from '../frames/chunk-encoder.js';
import { detachHttpParser, mayBeLast, releaseRequestMemory } from './release-request-memory.js';

/** A stream that is being opened. */
export interface StreamHandle {
  /** Resolves when the stream can start. */
  readonly ready: Promise<unknown>;
  /** @param result what `ready` resolves to */
  readonly start: (result: unknown) => void;
  /** Called if `ready` is rejected, for a stream whose client would take an empty response for a complete answer. */
  readonly fail?: (error: Error) => void;
  /** Called once when the stream has ended, whatever the reason. */
  readonly close: () => void;
}

/** Nest's `SseStream`, which Nest does not export. `commitHeaders` sends the headers unless they are sent. */
interface NestWriter extends Readable {
  commitHeaders: () => void;
}

/** The headers that Nest sends, with a charset: without one, Python's requests reads the text as ISO 8859-1. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // no-transform: a proxy that compresses would delay events.
  'Cache-Control': 'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
};
const LAST_HEADERS = { ...HEADERS, Connection: 'close' };

/**
 * The response of a stream. For an `@Sse()` method, Nest controls it until Nest subscribes: guards, pipes, problems, and a client that
 * leaves in the meantime. Then this class sends the headers, takes the response over and lets Nest finish its part,
 * because the objects that Nest and Express hold for a request are most of the memory of an idle stream (docs/adr/0002).
 */
export class SseResponse {
  /** Encodes the body, if it has a content coding. Must be set before the first write. */
  encoder: ChunkEncoder | undefined;
  private source: NestWriter | undefined;
  private observer: Observer<MessageEvent> | undefined;
  /** Undefined once the stream has ended. */
  private onClose: (() => void) | undefined;
  /** Whether this class ends the response, and not Nest. */
  private isTakenOver = false;

  constructor(private readonly response: ServerResponse) {
    // Nest pipes its own stream into the response just before it subscribes.
    response.once('pipe', (source: NestWriter) => (this.source = source));
    const controller = (response.req as IncomingMessage & Record<PropertyKey, unknown>)[SSE_ABORT_CONTROLLER];
    if (controller instanceof AbortController) controller.abort = abortWithoutStack;
  }

  /**
   * Returns the result for the `@Sse()` method. It emits nothing: once Nest subscribes, the headers are sent and the response
   * is taken over.
   * @param open called when Nest subscribes, which it never does for a client that has left; an error is answered as a
   * problem
   */
  observe(open: () => StreamHandle): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      const handle = open();
      this.onClose = handle.close;
      this.observer = observer;
      this.joinWrites();
      const isLast = mayBeLast(this.response);
      this.sendHeaders(isLast);
      if (isLast) detachHttpParser(this.response);
      this.takeOver();
      this.startWhenReady(handle);
      return () => {
        if (this.isTakenOver) return;
        this.endBody();
        this.close();
      };
    });
  }

  /**
   * Opens a stream on a response that Nest leaves to its handler (`@Res()`), such as of a POST.
   * @returns false for a client that has left; `open` is not called then
   */
  begin(open: () => StreamHandle): boolean {
    const { response } = this;
    const { socket } = response.req;
    if (response.destroyed || socket.destroyed) return false;
    const handle = open();
    this.onClose = handle.close;
    this.isTakenOver = true;
    this.joinWrites();
    const isLast = mayBeLast(response);
    this.sendHeaders(isLast);
    if (isLast) detachHttpParser(response);
    const onLeave = () => this.close();
    if (response.socket) {
      response.once('close', onLeave);
      releaseRequestMemory(response);
    } else {
      // It waits for another response of its connection, and does not learn that the connection is closed.
      socket.once('close', onLeave);
      response.once('finish', () => socket.off('close', onLeave));
    }
    this.startWhenReady(handle);
    return true;
  }

  /** Returns the result for the `@Sse()` method that answers a HEAD request: the headers alone. */
  head(): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      this.sendHeaders(false);
      observer.complete();
    });
  }

  /** Ends the response. It never passes an error to the Observable, because Nest would send `event: error`. */
  end(): void {
    this.endBody();
    if (this.isTakenOver) this.response.end();
    else this.observer?.complete();
    this.close();
  }

  private startWhenReady(handle: StreamHandle): void {
    handle.ready.then(
      (result) => {
        if (this.onClose) handle.start(result);
      },
      (error: Error) => {
        if (handle.fail && this.onClose) handle.fail(error);
        else this.end();
      },
    );
  }

  /** Corks the socket until the next tick: if the channel is already open, headers and greeting cost one system call. */
  private joinWrites(): void {
    const { socket } = this.response;
    if (!socket) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  /** Sends the headers that Nest's writer would send. That writer would make a fifth of the allocations of a connect. */
  private sendHeaders(isLast: boolean): void {
    if (this.source) this.source.commitHeaders = () => undefined;
    this.response.writeHead(this.response.statusCode, isLast ? LAST_HEADERS : HEADERS);
    this.response.flushHeaders();
  }

  private takeOver(): void {
    const { response, source, observer } = this;
    this.source = undefined;
    // A response that waits for another one of its connection stays with Nest.
    if (!source || !response.socket || response.destroyed) return;
    this.isTakenOver = true;
    this.observer = undefined;
    source.unpipe(response);
    response.once('close', () => this.close());
    observer?.complete();
    releaseRequestMemory(response);
  }

  /**
   * Writes the last bytes of an encoded body. No other code writes or ends the body before this: Nest's writer is unpiped, or
   * writes nothing because it has not sent the headers, and ends only after the Observable has completed.
   */
  private endBody(): void {
    const { response, encoder } = this;
    this.encoder = undefined;
    if (encoder && !response.writableEnded && !response.destroyed) response.write(encoder.end());
  }

  private close(): void {
    const { onClose } = this;
    this.onClose = undefined;
    this.observer = undefined;
    this.encoder = undefined;
    onClose?.();
  }
}

const CLOSED = Symbol('the stream has ended, or Nest does not control it any more');

/** Aborts with a reason. Without one, Node would create an error with a stack for each stream, which no code reads. */
function abortWithoutStack(this: AbortController): void {
  AbortController.prototype.abort.call(this, CLOSED);
}
