/** The stream of a model ended before the provider had said that the answer is complete. */
export class StreamEndedEarlyError extends Error {
  override readonly name = 'StreamEndedEarlyError';

  constructor() {
    super('the stream ended before the answer was complete');
  }
}
