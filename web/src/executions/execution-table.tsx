import type { ExecutionSummary } from '@cloutagent/client';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { cost, count, duration } from '../ui/quantity.js';
import { StatusBadge } from '../ui/status-badge.js';

export function ExecutionTable({ executions }: { executions: readonly ExecutionSummary[] }) {
  return (
    <div className="table-frame">
      <table className="table folds">
        <thead>
          <tr>
            <th>Execution</th>
            <th>Status</th>
            <th>Project</th>
            <th>Steps</th>
            <th className="end">Tokens</th>
            <th className="end">Cost</th>
            <th className="end">Duration</th>
            <th className="end">Started</th>
          </tr>
        </thead>
        <tbody>
          {executions.map((execution) => (
            <ExecutionRow key={execution.id} execution={execution} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ExecutionRow({ execution }: { execution: ExecutionSummary }) {
  const { id, status, projectId, inputPreview, progress, tokenUsage, costUSD } = execution;
  const { createdAt, tags, error } = execution;
  return (
    <tr>
      <td className="wide">
        <Link to={`/executions/${id}`} className="execution-link">
          <PlainText text={inputPreview || 'No input'} />
        </Link>
        <span className="execution-sub">
          <code className="muted">{id.slice(-8)}</code>
          {tags.map((tag) => (
            <PlainText className="tag" key={tag} text={tag} />
          ))}
          {error && <PlainText text={error.message} className="execution-error" />}
        </span>
      </td>
      <td data-label="Status">
        <StatusBadge status={status} />
      </td>
      <td data-label="Project">{projectId}</td>
      <td data-label="Steps" className="numeric">
        {progress.completedSteps} of {progress.totalSteps}
      </td>
      <td data-label="Tokens" className="end numeric">
        {count(tokenUsage.total)}
      </td>
      <td data-label="Cost" className="end numeric">
        {cost(costUSD)}
      </td>
      <td data-label="Duration" className="end numeric">
        {execution.duration === undefined ? '–' : duration(execution.duration)}
      </td>
      <td data-label="Started" className="end">
        <Moment at={createdAt} />
      </td>
    </tr>
  );
}
