import type { Execution } from '@cloutagent/client';
import type { ExecutionSnapshot } from '@cloutagent/react';
import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';

/** Heading of the run page. The status comes from the snapshot once it is newer than `execution`. */
export function RunHead({ execution, snapshot }: { execution: Execution; snapshot: ExecutionSnapshot }) {
  const status = snapshot.lastSequence >= execution.lastSequence ? snapshot.status : execution.status;
  const short = execution.id.slice(-8);
  return (
    <div className="run-head">
      <p>
        <Link to="/executions">Executions</Link>
      </p>
      <div className="row">
        <PageTitle title={`Execution ${short} ${status}`}>
          Execution <code className="run-id">{short}</code>
        </PageTitle>
        <StatusBadge status={status} />
      </div>
      <p className="row muted">
        <span>
          in{' '}
          <Link to={`/executions?project=${encodeURIComponent(execution.projectId)}`}>
            {execution.projectId}
          </Link>
        </span>
        <span>
          started <Moment at={execution.createdAt} />
        </span>
        {execution.tags.map((tag) => (
          <PlainText className="tag" key={tag} text={tag} />
        ))}
      </p>
    </div>
  );
}
