import { memo, type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import type { TextView } from '../store/text-log.js';
import { CopyButton } from './copy-button.js';
import { formatCounted } from './format.js';
import { visibleText } from './visible-text.js';

interface TextPaneProps {
  text: TextView;
  /** Names the text: "output of writer". */
  label: string;
}

/** Segments mounted while the end is followed: about 64,000 characters. */
const TAIL = 8;
/** Segments that "show earlier" adds. */
const MORE = 256;

/** A growing text whose end is followed until somebody scrolls up. It is only ever text, whatever it says. */
export function TextPane({ text, label }: TextPaneProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const [following, setFollowing] = useState(true);
  /** First segment mounted when the following ended: it stays, so that what is read does not move. */
  const [held, setHeld] = useState(0);
  /** First segment that somebody asked to see. */
  const [asked, setAsked] = useState(Infinity);
  const end = text.firstSegment + text.segmentCount;
  const start = Math.max(text.firstSegment, Math.min(asked, following ? end - TAIL : held));

  useLayoutEffect(() => {
    const pane = box.current;
    if (!pane || !following) return;
    pane.scrollTop = pane.scrollHeight;
    lastTop.current = pane.scrollTop;
  }, [text, following]);

  const onScroll = (): void => {
    const pane = box.current;
    if (!pane) return;
    const wentUp = pane.scrollTop < lastTop.current - 1;
    const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 8;
    lastTop.current = pane.scrollTop;
    if (atEnd) setFollowing(true);
    else if (wentUp && following) {
      setHeld(start);
      setFollowing(false);
    }
  };

  const hidden = start - text.firstSegment;
  return (
    <div className="ca-pane">
      <div className="ca-pane-bar">
        {hidden > 0 && (
          <button type="button" className="ca-button ca-small" onClick={() => setAsked(start - MORE)}>
            Show earlier text
          </button>
        )}
        {text.dropped > 0 && hidden === 0 && (
          <span className="ca-note">
            Not loaded: {formatCounted(text.dropped, 'earlier character')}. The journal has them.
          </span>
        )}
        <span className="ca-note">{formatCounted(text.length, 'character')}</span>
        {!following && (
          <button type="button" className="ca-button ca-small" onClick={() => setFollowing(true)}>
            Follow the end
          </button>
        )}
        <CopyButton what={label} text={() => text.toString()} />
      </div>
      <div ref={box} className="ca-text" role="group" aria-label={label} tabIndex={0} onScroll={onScroll}>
        {Array.from({ length: end - start }, (_unused, n) => (
          <Segment key={start + n} text={text.segment(start + n - text.firstSegment)} />
        ))}
      </div>
    </div>
  );
}

const Segment = memo(function Segment({ text }: { text: string }): ReactNode {
  return <div className="ca-segment">{visibleText(text)}</div>;
});
