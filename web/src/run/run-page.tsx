import { CloutAgentError } from '@cloutagent/client';
import { type ExecutionLinks, ExecutionMonitor, useCloutAgent, useExecution } from '@cloutagent/react';
import '@cloutagent/react/styles.css';
import { useCallback } from 'react';
import { PageTitle } from '../app/page-title.js';
import { UsagePanel } from '../charts/usage-panel.js';
import { EventInspector } from '../inspector/event-inspector.js';
import { useEventLog } from '../inspector/use-event-log.js';
import { useAccess } from '../session/access.js';
import { useLoad } from '../session/use-load.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { BASE_PATH } from '../routing/base-path.js';
import { navigate } from '../routing/location.js';
import { ChildrenPanel } from './children-panel.js';
import { GraphPanel } from './graph-panel.js';
import { useNames } from './names.js';
import { NoSuchExecution } from './no-such-execution.js';
import '../styles/monitor.css';
import './run.css';
import { RunHead } from './run-head.js';

const LINKS: ExecutionLinks = {
  href: (id) => `${BASE_PATH}/executions/${id}`,
  open: (id) => navigate(`/executions/${id}`),
};

/** Shows one execution, running or ended. */
export function RunPage({ executionId }: { executionId: string }) {
  const api = useCloutAgent();
  const execution = useLoad(
    useCallback((signal) => api.executions.get(executionId, { signal }), [api, executionId]),
  );
  if (execution.data) return <Run executionId={executionId} execution={execution.data} />;
  const { error } = execution;
  if (!error)
    return (
      <>
        <PageTitle title="Execution" />
        <p className="muted">Loading…</p>
      </>
    );
  if (error instanceof CloutAgentError && error.status === 404) return <NoSuchExecution />;
  return (
    <>
      <PageTitle title="Execution" />
      <ProblemNotice what="The execution could not be loaded." error={error} onRetry={execution.reload} />
    </>
  );
}

function Run({
  executionId,
  execution,
}: {
  executionId: string;
  execution: Parameters<typeof RunHead>[0]['execution'];
}) {
  const { may } = useAccess();
  const snapshot = useExecution(executionId);
  const log = useEventLog(executionId);
  const nameOf = useNames();
  const mayRerun = may('executions:write');
  return (
    <>
      <RunHead execution={execution} snapshot={snapshot} mayRerun={mayRerun} />
      <div className="run-columns">
        <GraphPanel executionId={executionId} snapshot={snapshot} nameOf={nameOf} mayRerun={mayRerun} />
        <div className="card run-monitor">
          <ExecutionMonitor
            executionId={executionId}
            headingLevel={1}
            readOnly={!may('executions:control')}
            nameOf={nameOf}
            links={LINKS}
            rootId={execution.rootId}
          />
        </div>
        <section className="card run-usage" aria-label="Usage">
          <div className="card-head">
            <h2>Over time</h2>
          </div>
          <UsagePanel log={log} snapshot={snapshot} />
        </section>
      </div>
      {snapshot.hasChildren && <ChildrenPanel executionId={executionId} rootId={execution.rootId} />}
      <section className="card" aria-label="Events">
        <div className="card-head">
          <h2>Events</h2>
        </div>
        <EventInspector log={log} nameOf={nameOf} />
      </section>
    </>
  );
}
