/** Thrown by an `@Sse()` method to answer 204, after which an EventSource does not reconnect. */
export class NoContentSignal extends Error {
  override readonly name = 'NoContentSignal';
}
