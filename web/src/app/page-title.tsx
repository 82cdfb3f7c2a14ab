import { type ReactNode, useEffect, useRef } from 'react';
import { wasNavigatedTo } from '../routing/location.js';

/**
 * The page's one h1, and the document's title. Reached by a link, it takes the focus, so that a screen
 * reader says where one is.
 */
export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · CloutAgent`;
  }, [title]);
  useEffect(() => {
    if (wasNavigatedTo()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  );
}
