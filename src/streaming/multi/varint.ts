/** Whole numbers in as few bytes as they need: seven bits a byte, the low ones first (LEB128). */
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
    let rest = value;
    // Not by bit operations, which would cut it to 32.
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    return this.byte(rest);
  }

  /** Puts a number in the place of one of the same length. */
  overwrite(place: number, value: number): void {
    const { end } = this;
    this.end = place;
    this.number(value);
    this.end = end;
  }

  /** Bytes in base64url. */
  toString(from = 0, to = this.end): string {
    return this.bytes.toString('base64url', from, Math.min(to, this.end));
  }
}

/** Bytes that a number takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
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
