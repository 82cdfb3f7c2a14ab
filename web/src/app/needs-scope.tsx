import type { ReactNode } from 'react';
import { type Scope, useAccess } from '../session/access.js';
import { PageTitle } from './page-title.js';

interface Props {
  scope: Scope;
  /** Title of the page in its place. */
  title: string;
  children: ReactNode;
}

/** A page for keys with a scope; for others a sentence, and no request that would be refused. */
export function NeedsScope({ scope, title, children }: Props) {
  if (useAccess().may(scope)) return children;
  return (
    <div className="empty">
      <PageTitle title={title} />
      <p>
        This needs a key with the scope <code>{scope}</code>, which yours does not have. Ask for one, then
        sign out and sign in with it.
      </p>
    </div>
  );
}
