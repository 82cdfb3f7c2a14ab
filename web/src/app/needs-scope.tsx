import type { ReactNode } from 'react';
import { type Scope, useAccess } from '../session/access.js';
import { PageTitle } from './page-title.js';

interface Props {
  /** The scope that the page needs. With several, one of them is enough. */
  scope: Scope | readonly Scope[];
  /** Title of the page that is shown instead. */
  title: string;
  children: ReactNode;
}

/** Shows a page to keys that have the scope. For other keys it shows an explanation and sends no request. */
export function NeedsScope({ scope, title, children }: Props) {
  const { may } = useAccess();
  const scopes = [scope].flat();
  if (scopes.some(may)) return children;
  return (
    <div className="empty">
      <PageTitle title={title} />
      <p>
        This page needs a key with the scope <code>{scopes.join(' or ')}</code>, which your key does not have.
        Ask for such a key, sign out, and sign in with it.
      </p>
    </div>
  );
}
