import { type MouseEvent, type ReactNode, useRef } from 'react';
import { BASE_PATH } from '../routing/base-path.js';
import { Link } from '../routing/link.js';
import { type Scope, useAccess } from '../session/access.js';
import { signOut } from '../session/session.js';
import { canonicalPath } from './pages.js';
import { ThemeToggle } from './theme-toggle.js';

/** The pages, each with the scopes of which one is enough. */
const NAVIGATION: [path: string, name: string, scopes: Scope[]][] = [
  ['/executions', 'Executions', ['executions:read']],
  ['/inbox', 'Inbox', ['executions:read']],
  ['/start', 'Start', ['executions:write']],
  ['/workflows', 'Workflows', ['workflows:read']],
  ['/schedules', 'Schedules', ['schedules:manage', 'triggers:manage']],
  ['/webhooks', 'Webhooks', ['webhooks:manage']],
  ['/values', 'Secrets', ['secrets:manage', 'workflows:read']],
  ['/keys', 'API keys', ['keys:manage']],
];

/** The frame of every page: skip link, navigation and main element. */
export function Shell({ path, children }: { path: string; children: ReactNode }) {
  const { may } = useAccess();
  const current = canonicalPath(path);
  const main = useRef<HTMLElement>(null);
  // Does not follow the link, because a fragment would add an entry to the history.
  const skip = (event: MouseEvent) => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <>
      <a className="skip-link" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header className="topbar">
        <div className="topbar-inner">
          <Link to="/executions" className="brand">
            <img src={`${BASE_PATH}/favicon.svg`} width="22" height="22" alt="" />
            CloutAgent
          </Link>
          <nav aria-label="Main">
            <ul>
              {NAVIGATION.filter(([, , scopes]) => scopes.some(may)).map(([to, name]) => (
                <li key={to}>
                  <Link
                    to={to}
                    aria-current={current === to ? 'page' : current.startsWith(`${to}/`) || undefined}
                  >
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div className="topbar-tools">
            <a className="button quiet" href={`${BASE_PATH}/docs`}>
              API
            </a>
            <ThemeToggle />
            <button type="button" className="button quiet" onClick={() => signOut()}>
              Sign out
            </button>
          </div>
        </div>
      </header>
      <main id="main" className="page" tabIndex={-1} ref={main}>
        {children}
      </main>
    </>
  );
}
