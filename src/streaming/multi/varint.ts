/** Writes whole numbers in as few bytes as they need: seven bits per byte, the low ones first (LEB128). */
export class VarintWriter {
  private bytes = Buffer.allocUnsafe(256);
  private end = 0;

  /** Bytes written. */
  get length(): number {
    return this.end;
  }

  byte(value: number): this {
    if (this.end === this.bytes.length)
      this.bytes = Buffer.concat([this.bytes, Buffer.allocUnsafe(this.end)]);
    this.bytes[this.end] = value;
    this.end += 1;
    return this;
  }

  raw(bytes: Uint8Array): this {
    for (const value of bytes) this.byte(value);
    return this;
  }

  /** @param value a safe integer, not negative */
  number(value: number): this {
    let remaining = value;
    // Division, because bit operations would cut the number to 32 bits.
    for (; remaining >= 0x80; remaining = Math.floor(remaining / 0x80)) this.byte((remaining % 0x80) | 0x80);
    return this.byte(remaining);
  }

  /** Replaces a number at an offset by one of the same length. */
  overwrite(offset: number, value: number): void {
    const { end } = this;
    this.end = offset;
    this.number(value);
    this.end = end;
  }

  /** Returns bytes in base64url. */
  toString(from = 0, to = this.end): string {
    return this.bytes.toString('base64url', from, Math.min(to, this.end));
  }
}

/** Returns the bytes that a number takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let remaining = value; remaining >= 0x80; remaining = Math.floor(remaining / 0x80)) length += 1;
  return length;
}

/** The bytes were not written by a VarintWriter. */
export class VarintError extends Error {
  override readonly name = 'VarintError';
}

/** Reads the bytes of a VarintWriter. */
export class VarintReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Whether all bytes were read. */
  get isAtEnd(): boolean {
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

  /** @throws VarintError also for a number above `max` and for one with more bytes than necessary */
  number(max = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (value > max) throw new VarintError('a number is too large');
      if (byte < 0x80) {
        if (byte === 0 && factor > 1) throw new VarintError('a number is longer than necessary');
        return value;
      }
    }
  }
}
