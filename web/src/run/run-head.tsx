import type { Execution } from '@cloutagent/client';
import type { ExecutionSnapshot } from '@cloutagent/react';
import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';

/** Which execution this is; what changes comes from the snapshot. */
export function RunHead({ given, snapshot }: { given: Execution; snapshot: ExecutionSnapshot }) {
  const status = snapshot.lastSequence >= given.lastSequence ? snapshot.status : given.status;
  const short = given.id.slice(-8);
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
          in <Link to={`/executions?project=${encodeURIComponent(given.projectId)}`}>{given.projectId}</Link>
        </span>
        <span>
          started <Moment at={given.createdAt} />
        </span>
        {given.tags.map((tag) => (
          <PlainText className="tag" key={tag} text={tag} />
        ))}
      </p>
    </div>
  );
}
