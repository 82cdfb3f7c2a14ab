import { useExecutions } from '@cloutagent/react';
import { useMemo } from 'react';
import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';
import { useLocation } from '../routing/location.js';
import { useAccess } from '../session/access.js';
import { EmptyState } from '../ui/empty-state.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { addressOf, type ExecutionFilter, filterOf, isEmpty } from './execution-filter.js';
import { ExecutionTable } from './execution-table.js';
import './executions.css';
import { FilterBar } from './filter-bar.js';
import { LiveSign } from './live-sign.js';

const PAGE = 50;

export function ListPage() {
  const { may } = useAccess();
  const { query } = useLocation();
  const filter = useMemo(() => filterOf(query), [query]);
  const { project, status, tag } = filter;
  const list = useExecutions({
    limit: PAGE,
    ...(project !== '' && { projectId: project }),
    ...(status.length > 0 && { status }),
    ...(tag !== '' && { tag }),
  });
  const { executions, loading, error } = list;

  return (
    <>
      <div className="page-head">
        <PageTitle title="Executions" />
        <div className="row">
          <LiveSign connection={list.connection} />
          {may('executions:write') && (
            <Link to="/start" className="button primary">
              Start
            </Link>
          )}
        </div>
      </div>
      <FilterBar filter={filter} />
      {error && (
        <ProblemNotice
          what={
            error.status === 404 ? `Your key is not for project ${project}.` : 'The list cannot be read now.'
          }
          error={error}
          onRetry={() => void list.refresh()}
        />
      )}
      {executions.length > 0 && (
        <section className="card" aria-label="Executions">
          <ExecutionTable executions={executions} />
          <div className="list-foot">
            <span className="muted numeric">
              {executions.length} shown{list.hasMore ? ', there are more' : ', that is all'}
            </span>
            {list.hasMore && (
              <button
                type="button"
                className="button"
                disabled={list.loadingMore}
                onClick={() => void list.loadMore()}
              >
                {list.loadingMore ? 'Loading…' : 'Show more'}
              </button>
            )}
          </div>
        </section>
      )}
      {executions.length === 0 && !error && (
        <section className="card" aria-label="Executions" aria-busy={loading}>
          {loading ? <p className="empty muted">Loading…</p> : <Nothing filter={filter} />}
        </section>
      )}
    </>
  );
}

function Nothing({ filter }: { filter: ExecutionFilter }) {
  const mayStart = useAccess().may('executions:write');
  if (isEmpty(filter))
    return (
      <EmptyState title="Nothing has run yet">
        <p>
          An execution is one run of a workflow.{' '}
          {mayStart
            ? 'Start the example: it needs no model key and takes seconds.'
            : 'Those that are started in your projects appear here by themselves.'}
        </p>
        {mayStart && (
          <Link to="/start" className="button primary">
            Start one
          </Link>
        )}
      </EmptyState>
    );
  return (
    <EmptyState title="Nothing matches">
      <p>
        No execution of your projects fits these filters. New ones that do will appear here by themselves.
      </p>
      <Link to={addressOf({ project: '', status: [], tag: '' })} className="button">
        Show all
      </Link>
    </EmptyState>
  );
}
