import { Link } from '../routing/link.js';
import { PageTitle } from './page-title.js';

export function NotFoundPage() {
  return (
    <div className="empty">
      <PageTitle title="Page not found" />
      <p>Check the address, or look in the list of executions.</p>
      <Link to="/executions" className="button">
        All executions
      </Link>
    </div>
  );
}
