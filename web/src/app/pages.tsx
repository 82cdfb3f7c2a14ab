import { lazy, type ReactNode, Suspense } from 'react';
import { ListPage } from '../executions/list-page.js';
import { KeysPage } from '../keys/keys-page.js';
import { NotFoundPage } from './not-found-page.js';

// With them come the graph and the schemas: not for those who only look at the list.
const RunPage = lazy(async () => ({ default: (await import('../run/run-page.js')).RunPage }));
const StartPage = lazy(async () => ({ default: (await import('../start/start-page.js')).StartPage }));

/** The page at a path. */
export function pageOf(path: string): ReactNode {
  const place = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (place === '/' || place === '/executions') return <ListPage />;
  if (place === '/start') return later(<StartPage />);
  if (place === '/keys') return <KeysPage />;
  const id = /^\/executions\/([^/]+)$/.exec(place)?.[1];
  if (id !== undefined) return later(<RunPage key={id} executionId={id} />);
  return <NotFoundPage />;
}

const later = (page: ReactNode) => <Suspense fallback={<p className="muted">Loading…</p>}>{page}</Suspense>;
