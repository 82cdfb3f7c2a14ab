import { type MouseEvent, type ReactNode, useRef } from 'react';
import { Link } from '../routing/link.js';
import { signOut } from '../session/session.js';
import { ThemeToggle } from './theme-toggle.js';

const PLACES = [
  ['/executions', 'Executions'],
  ['/start', 'Start'],
  ['/keys', 'API keys'],
] as const;

/** What is around every page: skip link, navigation, main. */
export function Shell({ path, children }: { path: string; children: ReactNode }) {
  const main = useRef<HTMLElement>(null);
  // Not by its fragment, which would be a place in the history.
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
            <img src="/favicon.svg" width="22" height="22" alt="" />
            CloutAgent
          </Link>
          <nav aria-label="Main">
            <ul>
              {PLACES.map(([to, name]) => (
                <li key={to}>
                  <Link to={to} aria-current={path === to ? 'page' : path.startsWith(`${to}/`) || undefined}>
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div className="topbar-tools">
            <a className="button quiet" href="/docs">
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
