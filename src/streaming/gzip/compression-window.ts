/** A frame with the cursor of 500 executions and some text. */
const MOST = 4096;

/** The last bytes of what a stream was sent. */
export class CompressionWindow {
  private readonly buffer = Buffer.allocUnsafeSlow(MOST);
  private length = 0;

  /** A view, until the next `push`. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  push(body: Buffer): void {
    const last = body.subarray(-MOST);
    const kept = Math.min(this.length, MOST - last.length);
    this.buffer.copyWithin(0, this.length - kept, this.length);
    last.copy(this.buffer, kept);
    this.length = kept + last.length;
  }
}
