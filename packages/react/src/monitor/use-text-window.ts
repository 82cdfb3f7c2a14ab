import { useState } from 'react';
import type { TextView } from '../store/text-log.js';

/** Segments mounted at first: about 64,000 characters. */
const SHOWN = 8;
/** Segments that "show earlier" and "show later" add. */
const MORE = 256;

/** Which segments of a text are mounted; the numbers name segments for good (`TextView.firstSegment`). */
export interface TextWindow {
  readonly from: number;
  /** The first segment after those that are mounted. */
  readonly to: number;
  /** The first segment after the text. */
  readonly end: number;
  /** Whether the window moves with the end of the text. */
  readonly following: boolean;
  readonly follow: () => void;
  /** Stays where it is, so that what is read does not move. */
  readonly hold: () => void;
  readonly showEarlier: () => void;
  readonly showLater: () => void;
}

type Place =
  /** With the end; earlier segments down to `asked` stay mounted. */
  | { at: 'end'; asked: number }
  /** From a segment on, to the end. */
  | { at: 'held'; from: number }
  /** So many segments from the beginning. */
  | { at: 'beginning'; shown: number };

/** @param live whether the text grows: then the window begins at its end, else at its beginning */
export function useTextWindow(text: TextView, live: boolean): TextWindow {
  const [place, setPlace] = useState<Place>(() =>
    live ? { at: 'end', asked: Infinity } : { at: 'beginning', shown: SHOWN },
  );
  const { firstSegment } = text;
  const end = firstSegment + text.segmentCount;
  const from = Math.max(firstSegment, beginning(place, end));
  const to = place.at === 'beginning' ? Math.min(end, firstSegment + place.shown) : end;
  return {
    from,
    to,
    end,
    following: place.at === 'end',
    follow: () => setPlace({ at: 'end', asked: Infinity }),
    hold: () => setPlace({ at: 'held', from }),
    showEarlier: () =>
      setPlace(place.at === 'end' ? { at: 'end', asked: from - MORE } : { at: 'held', from: from - MORE }),
    showLater: () => setPlace({ at: 'beginning', shown: to - firstSegment + MORE }),
  };
}

function beginning(place: Place, end: number): number {
  switch (place.at) {
    case 'end':
      return Math.min(place.asked, end - SHOWN);
    case 'held':
      return place.from;
    case 'beginning':
      return 0;
  }
}
