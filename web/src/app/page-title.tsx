import { type ReactNode, useEffect, useRef } from 'react';
import { wasNavigatedTo } from '../routing/location.js';

/**
 * The only h1 of a page, and the document's title. After a navigation inside the dashboard it takes the focus, so that a
 * screen reader announces the new page.
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
