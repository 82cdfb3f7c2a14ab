/** Whole numbers in as few bytes as they need: seven bits a byte, the low ones first (LEB128). */
export class VarintWriter {
  private bytes = Buffer.allocUnsafe(256);
  private length = 0;

  /** Begins anew. */
  reset(): this {
    this.length = 0;
    return this;
  }

  byte(value: number): this {
    if (this.length === this.bytes.length)
      this.bytes = Buffer.concat([this.bytes, Buffer.allocUnsafe(this.length)]);
    this.bytes[this.length] = value;
    this.length += 1;
    return this;
  }

  raw(bytes: Uint8Array): this {
    for (const value of bytes) this.byte(value);
    return this;
  }

  /** @param value a safe integer, not negative */
  number(value: number): this {
    let rest = value;
    // Not by bit operations, which would cut it to 32.
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    return this.byte(rest);
  }

  toString(encoding: BufferEncoding): string {
    return this.bytes.toString(encoding, 0, this.length);
  }
}

/** What was read is not what a VarintWriter writes. */
export class VarintError extends Error {
  override readonly name = 'VarintError';
}

export class VarintReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get over(): boolean {
    return this.at === this.bytes.length;
  }

  /** @throws VarintError */
  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new VarintError('it ends too early');
    this.at += 1;
    return value;
  }

  /** @throws VarintError */
  raw(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new VarintError('it ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /**
   * @param most above it is wrong
   * @throws VarintError
   */
  number(most = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (value > most) throw new VarintError('a number is too large');
      if (byte < 0x80) {
        if (byte === 0 && factor > 1) throw new VarintError('a number is longer than it need be');
        return value;
      }
    }
  }
}
