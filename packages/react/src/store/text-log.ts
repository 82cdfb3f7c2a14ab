/** Minimum number of characters in a segment. A segment is stored, and mounted, as a whole. */
const SEGMENT_SIZE = 8_192;

/** Default maximum number of characters that are kept of one text. */
const MAX_LENGTH = 64 * 1_048_576;

interface TextViewOptions {
  sealed: readonly string[];
  /** Number of segments of `sealed` that belong to the view. */
  sealedCount: number;
  /** The segment that still grows. */
  tail?: string;
  length?: number;
  dropped?: number;
  firstSegment?: number;
}

/**
 * An immutable view of a text, in segments of about 8,000 characters. A segment ends at the end of a line if possible.
 * Creating a view takes constant time. `toString()` returns the complete text.
 */
export class TextView {
  static readonly EMPTY = new TextView({ sealed: [], sealedCount: 0 });

  /** Characters (UTF-16 units) of the text. */
  readonly length: number;
  /** Number of characters at the beginning that are no longer kept. 0 when the text is complete. */
  readonly dropped: number;
  /** Number of segments at the beginning that are no longer kept. `firstSegment + n` identifies segment n permanently. */
  readonly firstSegment: number;
  private readonly sealed: readonly string[];
  private readonly sealedCount: number;
  private readonly tail: string;

  constructor({
    sealed,
    sealedCount,
    tail = '',
    length = 0,
    dropped = 0,
    firstSegment = 0,
  }: TextViewOptions) {
    this.sealed = sealed;
    this.sealedCount = sealedCount;
    this.tail = tail;
    this.length = length;
    this.dropped = dropped;
    this.firstSegment = firstSegment;
  }

  get segmentCount(): number {
    return this.sealedCount + (this.tail === '' ? 0 : 1);
  }

  /** Returns segment n of 0 … `segmentCount - 1`. */
  segment(n: number): string {
    return n < this.sealedCount ? (this.sealed[n] ?? '') : this.tail;
  }

  segments(): string[] {
    return Array.from({ length: this.segmentCount }, (_unused, n) => this.segment(n));
  }

  toString(): string {
    return this.segments().join('');
  }
}

/** A text that grows at its end. Appending takes time proportional to the appended text. */
export class TextLog {
  /** Append-only, because views share it. It is replaced when its beginning is dropped. */
  private sealed: string[] = [];
  private tail = '';
  /** Index after the last line break in `tail`. */
  private lineEnd = 0;
  private length = 0;
  private dropped = 0;
  private firstSegment = 0;
  private current: TextView | undefined;

  /** @param maxLength maximum number of characters that are kept; above it the oldest quarter is dropped */
  constructor(private readonly maxLength = MAX_LENGTH) {}

  append(text: string): void {
    this.current = undefined;
    this.length += text.length;
    for (let start = 0; start < text.length;) {
      const end = characterEnd(text, Math.min(start + SEGMENT_SIZE, text.length), start);
      this.add(text.slice(start, end));
      start = end;
    }
    if (this.length > this.maxLength) this.dropOldest();
  }

  /** Characters of the text so far, with those that are no longer kept. */
  get end(): number {
    return this.dropped + this.length;
  }

  /** Drops what follows the first `end` characters of the text. Views that exist keep it. */
  truncate(end: number): void {
    if (end >= this.end) return;
    this.current = undefined;
    const length = Math.max(0, end - this.dropped);
    this.dropped = Math.min(this.dropped, end);
    let count = 0;
    let before = 0;
    for (const segment of this.sealed) {
      if (before + segment.length > length) break;
      before += segment.length;
      count += 1;
    }
    this.tail = (this.sealed[count] ?? this.tail).slice(0, length - before);
    this.sealed = this.sealed.slice(0, count);
    this.lineEnd = this.tail.lastIndexOf('\n') + 1;
    this.length = length;
  }

  view(): TextView {
    this.current ??= new TextView({
      sealed: this.sealed,
      sealedCount: this.sealed.length,
      tail: this.tail,
      length: this.length,
      dropped: this.dropped,
      firstSegment: this.firstSegment,
    });
    return this.current;
  }

  private add(piece: string): void {
    const newline = piece.lastIndexOf('\n');
    if (newline !== -1) this.lineEnd = this.tail.length + newline + 1;
    this.tail += piece;
    if (this.tail.length < SEGMENT_SIZE) return;
    if (this.lineEnd > 0) this.seal(this.lineEnd);
    else if (this.tail.length >= 2 * SEGMENT_SIZE) this.seal(characterEnd(this.tail, this.tail.length, 0));
  }

  private seal(end: number): void {
    this.sealed.push(this.tail.slice(0, end));
    this.tail = this.tail.slice(end);
    this.lineEnd = 0;
  }

  private dropOldest(): void {
    let count = 0;
    let characters = 0;
    while (count < this.sealed.length && this.length - characters > this.maxLength * 0.75) {
      characters += this.sealed[count]?.length ?? 0;
      count += 1;
    }
    this.sealed = this.sealed.slice(count);
    this.firstSegment += count;
    this.length -= characters;
    this.dropped += characters;
  }
}

/** Returns `end`, or `end - 1` where `end` would split a surrogate pair. */
function characterEnd(text: string, end: number, start: number): number {
  const last = text.charCodeAt(end - 1);
  const splits = last >= 0xd800 && last <= 0xdbff;
  return splits && end - 1 > start ? end - 1 : end;
}
