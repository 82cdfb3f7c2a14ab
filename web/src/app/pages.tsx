import { lazy, type ReactNode, Suspense } from 'react';
import { ListPage } from '../executions/list-page.js';
import { KeysPage } from '../keys/keys-page.js';
import { SchedulesPage } from '../schedules/schedules-page.js';
import { ValuesPage } from '../values/values-page.js';
import { WebhookPage } from '../webhooks/webhook-page.js';
import { WebhooksPage } from '../webhooks/webhooks-page.js';
import { WorkflowsPage } from '../workflows/workflows-page.js';
import { NoSuchExecution } from '../run/no-such-execution.js';
import { NeedsScope } from './needs-scope.js';
import { NotFoundPage } from './not-found-page.js';

// Loaded on demand, because these pages need the graph and the schemas and the list does not.
const RunPage = lazy(async () => ({ default: (await import('../run/run-page.js')).RunPage }));

const StartPage = lazy(async () => ({ default: (await import('../start/start-page.js')).StartPage }));

const InboxPage = lazy(async () => ({ default: (await import('../inbox/inbox-page.js')).InboxPage }));

const WorkflowPage = lazy(async () => ({
  default: (await import('../workflows/workflow-page.js')).WorkflowPage,
}));

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Returns the path without slashes at its end; `/` is the list of executions. */
export function canonicalPath(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' ? '/executions' : trimmed;
}

/** Returns the page at a path. */
export function pageOf(path: string): ReactNode {
  const canonical = canonicalPath(path);
  if (canonical === '/executions')
    return (
      <NeedsScope scope="executions:read" title="Executions">
        <ListPage />
      </NeedsScope>
    );
  if (canonical === '/inbox')
    return (
      <NeedsScope scope="executions:read" title="Inbox">
        {withFallback(<InboxPage />)}
      </NeedsScope>
    );
  if (canonical === '/start')
    return (
      <NeedsScope scope="executions:write" title="Start an execution">
        {withFallback(<StartPage />)}
      </NeedsScope>
    );
  if (canonical === '/keys')
    return (
      <NeedsScope scope="keys:manage" title="API keys">
        <KeysPage />
      </NeedsScope>
    );
  if (canonical === '/workflows')
    return (
      <NeedsScope scope="workflows:read" title="Workflows">
        <WorkflowsPage />
      </NeedsScope>
    );
  if (canonical === '/schedules')
    return (
      <NeedsScope scope={['schedules:manage', 'triggers:manage']} title="Schedules and triggers">
        <SchedulesPage />
      </NeedsScope>
    );
  if (canonical === '/webhooks')
    return (
      <NeedsScope scope="webhooks:manage" title="Webhooks">
        <WebhooksPage />
      </NeedsScope>
    );
  if (canonical === '/values')
    return (
      <NeedsScope scope={['secrets:manage', 'workflows:read']} title="Secrets and variables">
        <ValuesPage />
      </NeedsScope>
    );
  const named = namedPage(canonical);
  if (named) return named;
  const id = /^\/executions\/([^/]+)$/.exec(canonical)?.[1];
  if (id !== undefined && !UUID.test(id)) return <NoSuchExecution />;
  if (id !== undefined)
    return (
      <NeedsScope key={id} scope="executions:read" title="Execution">
        {withFallback(<RunPage executionId={id} />)}
      </NeedsScope>
    );
  return <NotFoundPage />;
}

/** Returns the page of a saved workflow or a webhook, which its project and its name identify. */
function namedPage(path: string): ReactNode {
  const [, kind, project, name] = /^\/(workflows|webhooks)\/([^/]+)\/([^/]+)$/.exec(path)?.map(decoded) ?? [];
  if (project === undefined || name === undefined) return null;
  return kind === 'workflows' ? (
    <NeedsScope key={path} scope="workflows:read" title="Workflow">
      {withFallback(<WorkflowPage project={project} name={name} />)}
    </NeedsScope>
  ) : (
    <NeedsScope key={path} scope="webhooks:manage" title="Webhook">
      <WebhookPage project={project} name={name} />
    </NeedsScope>
  );
}

/** Decodes a segment of a path. One that is not valid stays as it is, and names nothing. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const withFallback = (page: ReactNode) => (
  <Suspense fallback={<p className="muted">Loading…</p>}>{page}</Suspense>
);
