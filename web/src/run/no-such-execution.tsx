import { PageTitle } from '../app/page-title.js';
import { Link } from '../routing/link.js';

export function NoSuchExecution() {
  return (
    <div className="empty">
      <PageTitle title="There is no such execution" />
      <p>
        The address may be mistyped, the execution may be of a project that your key is not for, or it ended
        so long ago that it was deleted.
      </p>
      <Link to="/executions" className="button">
        All executions
      </Link>
    </div>
  );
}
