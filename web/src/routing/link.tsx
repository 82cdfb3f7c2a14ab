import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { BASE_PATH } from './base-path.js';
import { navigate } from './location.js';

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

/** A link inside the dashboard. With a modifier key or another button the browser handles it, as for every link. */
export function Link({ to, onClick, ...rest }: Props) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const isForBrowser =
      event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || isForBrowser) return;
    event.preventDefault();
    navigate(to);
  };
  return <a href={BASE_PATH + to} onClick={follow} {...rest} />;
}
