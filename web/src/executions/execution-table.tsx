import type { Execution } from '@cloutagent/client';
import { Link } from '../routing/link.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { cost, count, duration } from '../ui/quantity.js';
import { StatusBadge } from '../ui/status-badge.js';

export function ExecutionTable({ executions }: { executions: readonly Execution[] }) {
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
            <th className="end">Took</th>
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

function ExecutionRow({ execution }: { execution: Execution }) {
  const { id, status, projectId, steps, tokenUsage, costUSD, createdAt, tags, error } = execution;
  const done = steps.filter((step) => step.status === 'completed').length;
  return (
    <tr>
      <td className="wide">
        <Link to={`/executions/${id}`} className="execution-link">
          <PlainText text={titleOf(execution)} />
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
        {steps.length === 0 ? '–' : `${done} of ${steps.length}`}
      </td>
      <td data-label="Tokens" className="end numeric">
        {count(tokenUsage.total)}
      </td>
      <td data-label="Cost" className="end numeric">
        {cost(costUSD)}
      </td>
      <td data-label="Took" className="end numeric">
        {execution.duration === undefined ? '–' : duration(execution.duration)}
      </td>
      <td data-label="Started" className="end">
        <Moment at={createdAt} />
      </td>
    </tr>
  );
}

const MOST = 90;

/** An execution has no name; its input tells it from others. */
function titleOf({ input }: Execution): string {
  const text = typeof input === 'string' ? input : (JSON.stringify(input) ?? '');
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line === '' || line === 'null') return 'No input';
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}
