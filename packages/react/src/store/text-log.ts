/** Characters of a piece of text that is kept, and mounted, as a whole. */
const SEGMENT = 8_192;

/** Default for the most characters kept of one text. */
const MAX_LENGTH = 64 * 1_048_576;

/**
 * A text as it was at one moment, in segments of about 8,000 characters that end with a line where they can.
 * Immutable; making one costs nothing, however long the text is. `toString()` is the text itself.
 */
export class TextView {
  static readonly EMPTY = new TextView([], 0, '', 0, 0, 0);

  constructor(
    private readonly sealed: readonly string[],
    private readonly sealedCount: number,
    private readonly tail: string,
    /** Characters (UTF-16 units) of the text. */
    readonly length: number,
    /** How many characters before it are no longer kept; 0 when it is complete. */
    readonly dropped: number,
    /** How many segments before the first are no longer kept; `firstSegment + n` names a segment for good. */
    readonly firstSegment: number,
  ) {}

  /** Texts one after the other. */
  static join(views: readonly TextView[]): TextView {
    if (views.length === 1) return views[0] ?? TextView.EMPTY;
    const segments = views.flatMap((view) => view.segments());
    const sum = (of: (view: TextView) => number) => views.reduce((total, view) => total + of(view), 0);
    const length = sum((view) => view.length);
    const dropped = sum((view) => view.dropped);
    return new TextView(segments, segments.length, '', length, dropped, 0);
  }

  get segmentCount(): number {
    return this.sealedCount + (this.tail === '' ? 0 : 1);
  }

  /** Segment n of 0 … `segmentCount - 1`. */
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

/** A text that grows at its end. Appending costs what is appended. */
export class TextLog {
  /** Only ever appended to, so that views may share it; replaced when its beginning is given up. */
  private sealed: string[] = [];
  private tail = '';
  /** Behind the last line break in `tail`. */
  private lineEnd = 0;
  private length = 0;
  private dropped = 0;
  private firstSegment = 0;
  private current: TextView | undefined;

  /** @param maxLength most characters kept; past it the oldest quarter goes */
  constructor(private readonly maxLength = MAX_LENGTH) {}

  append(text: string): void {
    this.current = undefined;
    this.length += text.length;
    for (let start = 0; start < text.length;) {
      const end = wholeEnd(text, Math.min(start + SEGMENT, text.length), start);
      this.add(text.slice(start, end));
      start = end;
    }
    if (this.length > this.maxLength) this.forget();
  }

  view(): TextView {
    this.current ??= new TextView(
      this.sealed,
      this.sealed.length,
      this.tail,
      this.length,
      this.dropped,
      this.firstSegment,
    );
    return this.current;
  }

  private add(piece: string): void {
    const newline = piece.lastIndexOf('\n');
    if (newline !== -1) this.lineEnd = this.tail.length + newline + 1;
    this.tail += piece;
    if (this.tail.length < SEGMENT) return;
    if (this.lineEnd > 0) this.seal(this.lineEnd);
    else if (this.tail.length >= 2 * SEGMENT) this.seal(wholeEnd(this.tail, this.tail.length, 0));
  }

  private seal(end: number): void {
    this.sealed.push(this.tail.slice(0, end));
    this.tail = this.tail.slice(end);
    this.lineEnd = 0;
  }

  private forget(): void {
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

/** `end`, or one less where it would part the halves of a surrogate pair. */
function wholeEnd(text: string, end: number, start: number): number {
  const last = text.charCodeAt(end - 1);
  const parts = last >= 0xd800 && last <= 0xdbff;
  return parts && end - 1 > start ? end - 1 : end;
}
