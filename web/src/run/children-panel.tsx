import { useExecutions } from '@cloutagent/react';
import { ExecutionTable } from '../executions/execution-table.js';
import '../executions/executions.css';
import { LiveSign } from '../executions/live-sign.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { counted } from '../ui/quantity.js';

interface Props {
  executionId: string;
  /** The root of the tree; undefined if this execution is the root. */
  rootId: string | undefined;
}

/** Lists the child executions of an execution, each with a link to its page. */
export function ChildrenPanel({ executionId, rootId }: Props) {
  const list = useExecutions({ parentId: executionId, rootId });
  const { executions, error, loading, hasMore, loadingMore } = list;
  return (
    <section className="card" aria-label="Child executions">
      <div className="card-head">
        <h2>Child executions</h2>
        <LiveSign connection={list.connection} />
      </div>
      {error && (
        <ProblemNotice
          what="The child executions could not be loaded."
          error={error}
          onRetry={() => void list.refresh()}
        />
      )}
      {executions.length > 0 ? (
        <>
          <ExecutionTable executions={executions} />
          <div className="list-foot">
            <span className="muted numeric">
              {counted(executions.length, 'child execution')}
              {hasMore && ', more available'}
            </span>
            {hasMore && (
              <button
                type="button"
                className="button"
                disabled={loadingMore}
                onClick={() => void list.loadMore()}
              >
                {loadingMore ? 'Loading…' : 'Show more'}
              </button>
            )}
          </div>
        </>
      ) : (
        !error && <p className="empty muted">{loading ? 'Loading…' : 'No child executions yet'}</p>
      )}
    </section>
  );
}
