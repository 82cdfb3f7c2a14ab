import { useExecutions } from '@cloutagent/react';
import { ExecutionTable } from '../executions/execution-table.js';
import '../executions/executions.css';
import { ListFoot } from '../executions/list-foot.js';
import { LiveSign } from '../executions/live-sign.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  executionId: string;
  /** The root of the tree; undefined if this execution is the root. */
  rootId: string | undefined;
}

/** Lists the child executions of an execution, each with a link to its page. */
export function ChildrenPanel({ executionId, rootId }: Props) {
  const list = useExecutions({ parentId: executionId, rootId });
  const { executions, error, loading } = list;
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
          <ListFoot count={executions.length} unit="child execution" list={list} />
        </>
      ) : (
        !error && <p className="empty muted">{loading ? 'Loading…' : 'No child executions yet'}</p>
      )}
    </section>
  );
}
