import { Link } from '../routing/link.js';
import { PageTitle } from './page-title.js';

export function NotFoundPage() {
  return (
    <div className="empty">
      <PageTitle title="There is no such page" />
      <p>The address may be mistyped. What you look for is probably among the executions.</p>
      <Link to="/executions" className="button">
        All executions
      </Link>
    </div>
  );
}
