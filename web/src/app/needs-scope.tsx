import type { ReactNode } from 'react';
import { type Scope, useAccess } from '../session/access.js';
import { PageTitle } from './page-title.js';

interface Props {
  scope: Scope;
  /** Title of the page that is shown instead. */
  title: string;
  children: ReactNode;
}

/** Shows a page to keys that have the scope. For other keys it shows an explanation and sends no request. */
export function NeedsScope({ scope, title, children }: Props) {
  if (useAccess().may(scope)) return children;
  return (
    <div className="empty">
      <PageTitle title={title} />
      <p>
        This page needs a key with the scope <code>{scope}</code>, which your key does not have. Ask for such
        a key, sign out, and sign in with it.
      </p>
    </div>
  );
}
