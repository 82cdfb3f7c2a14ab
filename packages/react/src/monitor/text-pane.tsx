import { memo, type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import type { TextView } from '../store/text-log.js';
import { CopyButton } from './copy-button.js';
import { formatCounted } from './format.js';
import { useTextWindow } from './use-text-window.js';
import { visibleText } from './visible-text.js';

interface TextPaneProps {
  text: TextView;
  /** Accessible name of the text: "output of writer". */
  label: string;
  /** Whether the text is still growing. If so, the pane follows its end; otherwise it opens at the beginning. */
  live?: boolean;
  /** Returns what the copy button copies. Default: the text. */
  copy?: () => string;
}

/** Shows a text, mounted in parts. It stops following the end when the user scrolls up. It never renders markup. */
export function TextPane({ text, label, live = false, copy }: TextPaneProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const mounted = useTextWindow(text, live);
  const { from, to, following } = mounted;
  const [scrolled, setScrolled] = useState(false);
  const [wasLive, setWasLive] = useState(live);
  if (live !== wasLive) {
    setWasLive(live);
    // All recorded text is here and more will come, so go to the end, where new text appears.
    if (live && !scrolled) mounted.follow();
  }

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
    if (!following) setScrolled(true);
    if (atEnd && live && to === mounted.end) mounted.follow();
    else if (wentUp && following && !atEnd) mounted.hold();
  };

  const earlier = from - text.firstSegment;
  return (
    <div className="ca-pane">
      <div className="ca-pane-bar">
        {earlier > 0 && (
          <button type="button" className="ca-button ca-small" onClick={mounted.showEarlier}>
            Show earlier text
          </button>
        )}
        {text.dropped > 0 && earlier === 0 && (
          <span className="ca-note">
            Not loaded: {formatCounted(text.dropped, 'earlier character')}. The journal has them.
          </span>
        )}
        <span className="ca-note">{formatCounted(text.length, 'character')}</span>
        {!following && (live || to < mounted.end) && (
          <button type="button" className="ca-button ca-small" onClick={mounted.follow}>
            {live ? 'Follow the end' : 'Go to the end'}
          </button>
        )}
        <CopyButton what={label} text={copy ?? (() => text.toString())} />
      </div>
      <div ref={box} className="ca-text" role="group" aria-label={label} tabIndex={0} onScroll={onScroll}>
        {Array.from({ length: to - from }, (_unused, n) => (
          <Segment key={from + n} text={text.segment(from + n - text.firstSegment)} />
        ))}
      </div>
      {to < mounted.end && (
        <div className="ca-pane-foot">
          <button type="button" className="ca-button ca-small" onClick={mounted.showLater}>
            Show later text
          </button>
        </div>
      )}
    </div>
  );
}

const Segment = memo(function Segment({ text }: { text: string }): ReactNode {
  return <div className="ca-segment">{visibleText(text)}</div>;
});
