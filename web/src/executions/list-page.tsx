import { useExecutions } from '@cloutagent/react';
import { useEffect, useMemo } from 'react';
import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';
import { navigate, useLocation } from '../routing/location.js';
import { useAccess } from '../session/access.js';
import { EmptyState } from '../ui/empty-state.js';
import {
  addressOf,
  type ExecutionFilter,
  filterOf,
  isEmpty,
  isStatus,
  problemsOf,
} from './execution-filter.js';
import { ExecutionTable } from './execution-table.js';
import './executions.css';
import { FilterBar } from './filter-bar.js';
import { ListFoot } from './list-foot.js';
import { ListProblem } from './list-problem.js';
import { LiveSign } from './live-sign.js';
import { StoredCounts } from './stored-counts.js';
import { useRememberedPages } from './use-remembered-pages.js';

const PAGE_SIZE = 50;

export function ListPage() {
  const { query } = useLocation();
  const filter = useMemo(() => filterOf(query), [query]);
  const problems = Object.values(problemsOf(filter));
  // Unknown statuses are removed from the address, so that it shows the filter that is applied.
  const canonical = addressOf(filter);
  const given = query.get('status') ?? '';
  useEffect(() => {
    if (given !== filter.status.join(',') && given.split(',').some((one) => !isStatus(one)))
      navigate(canonical, { replace: true });
  }, [given, filter, canonical]);
  if (problems.length === 0) return <ExecutionList filter={filter} />;
  return (
    <>
      <div className="page-head">
        <PageTitle title="Executions" />
      </div>
      <FilterBar filter={filter} />
      <section className="card" aria-label="Executions">
        <EmptyState title="No matching executions">
          <p>The filter is not valid. Correct the marked field.</p>
        </EmptyState>
      </section>
    </>
  );
}

function ExecutionList({ filter }: { filter: ExecutionFilter }) {
  const { may } = useAccess();
  const { project, status, tag } = filter;
  const list = useExecutions({
    limit: PAGE_SIZE,
    ...(project !== '' && { projectId: project }),
    ...(status.length > 0 && { status }),
    ...(tag !== '' && { tag }),
  });
  const { executions, loading, error } = list;
  useRememberedPages(list, addressOf(filter), PAGE_SIZE);

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
      {project !== '' && <StoredCounts project={project} />}
      {error && (
        <ListProblem
          what="The list could not be loaded."
          project={project}
          error={error}
          refresh={list.refresh}
        />
      )}
      {executions.length > 0 && (
        <section className="card" aria-label="Executions">
          <ExecutionTable executions={executions} />
          <ListFoot count={executions.length} unit="execution" list={list} />
        </section>
      )}
      {executions.length === 0 && !error && (
        <section className="card" aria-label="Executions" aria-busy={loading}>
          {loading ? <p className="empty muted">Loading…</p> : <NoExecutions filter={filter} />}
        </section>
      )}
    </>
  );
}

function NoExecutions({ filter }: { filter: ExecutionFilter }) {
  const mayStart = useAccess().may('executions:write');
  if (isEmpty(filter))
    return (
      <EmptyState title="No executions yet">
        <p>
          An execution is one run of a workflow.{' '}
          {mayStart
            ? 'Start the example. It needs no model key and takes a few seconds.'
            : 'New executions of your projects appear here automatically.'}
        </p>
        {mayStart && (
          <Link to="/start" className="button primary">
            Start one
          </Link>
        )}
      </EmptyState>
    );
  return (
    <EmptyState title="No matching executions">
      <p>
        No execution of your projects matches these filters. New ones that match appear here automatically.
      </p>
      <Link to={addressOf({ project: '', status: [], tag: '' })} className="button">
        Show all
      </Link>
    </EmptyState>
  );
}
