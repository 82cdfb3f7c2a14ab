/** Enough for a frame with the cursor of 500 executions and some text. */
const MAX_BYTES = 4096;

/** The last plain bytes that were sent on a stream. */
export class CompressionWindow {
  private readonly buffer = Buffer.allocUnsafeSlow(MAX_BYTES);
  private length = 0;

  /** A view that is valid until the next `push`. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  push(body: Buffer): void {
    const last = body.subarray(-MAX_BYTES);
    const kept = Math.min(this.length, MAX_BYTES - last.length);
    this.buffer.copyWithin(0, this.length - kept, this.length);
    last.copy(this.buffer, kept);
    this.length = kept + last.length;
  }
}
