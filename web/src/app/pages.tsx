import { lazy, type ReactNode, Suspense } from 'react';
import { ListPage } from '../executions/list-page.js';
import { KeysPage } from '../keys/keys-page.js';
import { NoSuchExecution } from '../run/no-such-execution.js';
import { NeedsScope } from './needs-scope.js';
import { NotFoundPage } from './not-found-page.js';

// With them come the graph and the schemas: not for those who only look at the list.
const RunPage = lazy(async () => ({ default: (await import('../run/run-page.js')).RunPage }));

const StartPage = lazy(async () => ({ default: (await import('../start/start-page.js')).StartPage }));

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The name of a place: `/` is the list. */
export function placeOf(path: string): string {
  const place = path.replace(/\/+$/, '');
  return place === '' ? '/executions' : place;
}

/** The page at a path. */
export function pageOf(path: string): ReactNode {
  const place = placeOf(path);
  if (place === '/executions')
    return (
      <NeedsScope scope="executions:read" title="Executions">
        <ListPage />
      </NeedsScope>
    );
  if (place === '/start')
    return (
      <NeedsScope scope="executions:write" title="Start an execution">
        {later(<StartPage />)}
      </NeedsScope>
    );
  if (place === '/keys')
    return (
      <NeedsScope scope="keys:manage" title="API keys">
        <KeysPage />
      </NeedsScope>
    );
  const id = /^\/executions\/([^/]+)$/.exec(place)?.[1];
  if (id !== undefined && !UUID.test(id)) return <NoSuchExecution />;
  if (id !== undefined)
    return (
      <NeedsScope key={id} scope="executions:read" title="Execution">
        {later(<RunPage executionId={id} />)}
      </NeedsScope>
    );
  return <NotFoundPage />;
}

const later = (page: ReactNode) => <Suspense fallback={<p className="muted">Loading…</p>}>{page}</Suspense>;
