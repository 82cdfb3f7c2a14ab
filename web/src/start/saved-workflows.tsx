import { useWorkflows } from '@cloutagent/react';
import { Link } from '../routing/link.js';
import { PlainText } from '../ui/plain-text.js';
import { workflowAddress } from '../workflows/workflow-address.js';

/** Offers the saved workflows. Each leads to its page, which has a form to run it. Shows nothing if there are none. */
export function SavedWorkflows() {
  const { workflows, hasMore } = useWorkflows();
  if (workflows.length === 0) return null;
  return (
    <nav aria-label="Saved workflows">
      <h2 className="label templates-heading">Saved workflows</h2>
      <ul className="templates">
        {workflows.map(({ projectId, name, description }) => (
          <li key={`${projectId}/${name}`}>
            <Link to={workflowAddress(projectId, name)} className="template card">
              <span>
                <strong>{name}</strong>
                <span className="muted">
                  {description === null ? projectId : <PlainText text={description} />}
                </span>
              </span>
            </Link>
          </li>
        ))}
        {hasMore && (
          <li>
            <Link to="/workflows">All saved workflows</Link>
          </li>
        )}
      </ul>
    </nav>
  );
}
