import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';

export function NoSuchExecution() {
  return (
    <div className="empty">
      <PageTitle title="Execution not found" />
      <p>
        Check the address. Your key may have no access to the execution’s project, or the execution was
        deleted because it ended long ago.
      </p>
      <Link to="/executions" className="button">
        All executions
      </Link>
    </div>
  );
}
