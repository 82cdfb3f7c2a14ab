import { useWaits } from '@cloutagent/react';
import '@cloutagent/react/styles.css';
import { PageTitle } from '../app/page-title.js';
import { projectProblem } from '../executions/execution-filter.js';
import { ListFoot } from '../executions/list-foot.js';
import { ListProblem } from '../executions/list-problem.js';
import { LiveSign } from '../executions/live-sign.js';
import '../executions/executions.css';
import { useLocation } from '../routing/location.js';
import { useNames } from '../run/names.js';
import { useAccess } from '../session/access.js';
import { useSession } from '../session/session.js';
import '../styles/monitor.css';
import { EmptyState } from '../ui/empty-state.js';
import { InboxFilterBar } from './inbox-filter-bar.js';
import { type InboxFilter, inboxFilterOf } from './inbox-filter.js';
import { InboxItem } from './inbox-item.js';
import './inbox.css';

/** Lists what the executions of the user's projects wait for, with forms to answer. */
export function InboxPage() {
  const filter = inboxFilterOf(useLocation().query);
  return (
    <>
      {projectProblem(filter.project) !== undefined ? (
        <>
          <div className="page-head">
            <PageTitle title="Inbox" />
          </div>
          <InboxFilterBar filter={filter} />
          <section className="card" aria-label="Waits">
            <EmptyState title="Nothing matches">
              <p>The filter is not valid. Correct the marked field.</p>
            </EmptyState>
          </section>
        </>
      ) : (
        <Inbox filter={filter} />
      )}
    </>
  );
}

function Inbox({ filter }: { filter: InboxFilter }) {
  const { credential } = useSession();
  const { may } = useAccess();
  const nameOf = useNames();
  const { project, kinds, mine } = filter;
  const list = useWaits({
    ...(project !== '' && { projectId: project }),
    ...(kinds.length > 0 && { kind: kinds }),
    ...(mine && { assignee: credential?.me.id }),
  });
  const { waits, loading, error } = list;
  return (
    <>
      <div className="page-head">
        <PageTitle title="Inbox" />
        <LiveSign connection={list.connection} />
      </div>
      <InboxFilterBar filter={filter} />
      {error && (
        <ListProblem
          what="The waits could not be loaded."
          project={project}
          error={error}
          refresh={list.refresh}
        />
      )}
      {waits.length > 0 && (
        <>
          <ul className="inbox" aria-label="Waits">
            {waits.map((wait) => (
              <InboxItem
                key={wait.waitId}
                wait={wait}
                nameOf={nameOf}
                mayAnswer={may('executions:control')}
                onAnswered={() => void list.refresh()}
              />
            ))}
          </ul>
          <ListFoot count={waits.length} unit="open wait" list={list} />
        </>
      )}
      {waits.length === 0 && !error && (
        <section className="card" aria-label="Waits" aria-busy={loading}>
          {loading ? (
            <p className="empty muted">Loading…</p>
          ) : (
            <EmptyState title="Nothing to answer">
              <p>
                No execution waits for a person or another system. New questions appear here automatically.
              </p>
            </EmptyState>
          )}
        </section>
      )}
    </>
  );
}
