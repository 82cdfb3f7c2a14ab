/** Thrown by an `@Sse()` method to answer 204: an EventSource that gets it does not come back. */
export class NoContentSignal extends Error {
  override readonly name = 'NoContentSignal';
}
