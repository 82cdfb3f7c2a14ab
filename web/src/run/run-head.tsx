import type { Execution } from '@cloutagent/client';
import type { ExecutionSnapshot } from '@cloutagent/react';
import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { StatusBadge } from '../ui/status-badge.js';
import { workflowAddress } from '../workflows/workflow-address.js';
import { RerunButton } from './rerun-button.js';

interface Props {
  execution: Execution;
  snapshot: ExecutionSnapshot;
  /** Whether the key may run the execution again. */
  mayRerun: boolean;
}

/** Heading of the run page. The status comes from the snapshot once it is newer than `execution`. */
export function RunHead({ execution, snapshot, mayRerun }: Props) {
  const status = snapshot.lastSequence >= execution.lastSequence ? snapshot.status : execution.status;
  const short = execution.id.slice(-8);
  const { parent, rootId, rerunOf } = execution;
  const canRerun = mayRerun && (status === 'failed' || status === 'cancelled');
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
        {canRerun && (
          <RerunButton
            executionId={execution.id}
            label={status === 'failed' ? 'Re-run from the failed nodes' : 'Re-run from where it stopped'}
          />
        )}
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
        {parent && (
          <span>
            child {parent.index} of <ExecutionLink id={parent.executionId} node={parent.nodeId} />
          </span>
        )}
        {rootId !== undefined && rootId !== parent?.executionId && (
          <span>
            root <ExecutionLink id={rootId} />
          </span>
        )}
        {execution.workflow && (
          <span>
            runs{' '}
            <Link
              to={`${workflowAddress(execution.projectId, execution.workflow.name)}?version=${execution.workflow.version}`}
            >
              {execution.workflow.name}@{execution.workflow.version}
            </Link>
          </span>
        )}
        {rerunOf !== undefined && (
          <span>
            re-run of <ExecutionLink id={rerunOf} />
          </span>
        )}
        {execution.tags.map((tag) => (
          <PlainText className="tag" key={tag} text={tag} />
        ))}
      </p>
    </div>
  );
}

function ExecutionLink({ id, node }: { id: string; node?: string }) {
  return (
    <Link to={`/executions/${id}${node === undefined ? '' : `?node=${encodeURIComponent(node)}`}`}>
      <code>{id.slice(-8)}</code>
      {node !== undefined && <PlainText text={` (${node})`} />}
    </Link>
  );
}
