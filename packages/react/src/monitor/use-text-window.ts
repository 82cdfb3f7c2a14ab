import { useState } from 'react';
import type { TextView } from '../store/text-log.js';

/** Segments that are mounted at first: about 64,000 characters. */
const INITIAL_COUNT = 8;
/** Segments that "Show earlier text" and "Show later text" add. */
const MORE_COUNT = 256;

/** The range of mounted segments. The numbers identify segments permanently (`TextView.firstSegment`). */
export interface TextWindow {
  readonly from: number;
  /** The first segment after the mounted ones. */
  readonly to: number;
  /** The first segment after the text. */
  readonly end: number;
  /** Whether the window moves with the end of the text. */
  readonly following: boolean;
  readonly follow: () => void;
  /** Stops following, so that the text that the user reads does not move. */
  readonly hold: () => void;
  readonly showEarlier: () => void;
  readonly showLater: () => void;
}

type WindowPosition =
  /** Follows the end. Earlier segments from `earliest` on stay mounted. */
  | { at: 'end'; earliest: number }
  /** From a fixed segment to the end. */
  | { at: 'held'; from: number }
  /** The first `count` segments. */
  | { at: 'beginning'; count: number };

/**
 * Chooses which segments of a text are mounted.
 * @param live whether the text is still growing. If so, the window starts at its end; otherwise at its beginning
 */
export function useTextWindow(text: TextView, live: boolean): TextWindow {
  const [position, setPosition] = useState<WindowPosition>(() =>
    live ? { at: 'end', earliest: Infinity } : { at: 'beginning', count: INITIAL_COUNT },
  );
  const { firstSegment } = text;
  const end = firstSegment + text.segmentCount;
  const from = Math.max(firstSegment, firstMounted(position, end));
  const to = position.at === 'beginning' ? Math.min(end, firstSegment + position.count) : end;
  return {
    from,
    to,
    end,
    following: position.at === 'end',
    follow: () => setPosition({ at: 'end', earliest: Infinity }),
    hold: () => setPosition({ at: 'held', from }),
    showEarlier: () =>
      setPosition(
        position.at === 'end'
          ? { at: 'end', earliest: from - MORE_COUNT }
          : { at: 'held', from: from - MORE_COUNT },
      ),
    showLater: () => setPosition({ at: 'beginning', count: to - firstSegment + MORE_COUNT }),
  };
}

function firstMounted(position: WindowPosition, end: number): number {
  switch (position.at) {
    case 'end':
      return Math.min(position.earliest, end - INITIAL_COUNT);
    case 'held':
      return position.from;
    case 'beginning':
      return 0;
  }
}
