import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { navigate } from './location.js';

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

/** A link within the dashboard; with a modifier key it opens elsewhere, as any link does. */
export function Link({ to, onClick, ...rest }: Props) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || elsewhere) return;
    event.preventDefault();
    navigate(to);
  };
  return <a href={to} onClick={follow} {...rest} />;
}
