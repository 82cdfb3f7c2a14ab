import { type ReactNode, useEffect } from 'react';
import { useExecution } from '../use-execution.js';
import { type ExecutionControls, useExecutionControls } from '../use-execution-controls.js';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { Announcer } from './announcer.js';
import { ApprovalCard } from './approval-card.js';
import { ConnectionNotice } from './connection-notice.js';
import { ControlBar } from './control-bar.js';
import { Disclosure } from './disclosure.js';
import { formatDuration } from './format.js';
import { JsonPane } from './json-pane.js';
import { type NameOf, Names, withNames } from './names.js';
import { NodeList } from './node-list.js';
import { ProgressBar } from './progress-bar.js';
import { RetryList } from './retry-list.js';
import { HeadingLevel } from './section.js';
import { StatusBadge } from './status-badge.js';
import { TimeLine } from './time-line.js';
import { ToolCallList } from './tool-call-list.js';
import { UsagePanel } from './usage-panel.js';
import { useNow } from './use-now.js';
import { visibleText } from './visible-text.js';

export interface ExecutionMonitorProps {
  executionId: string;
  /** Default: as the page or the system has it. */
  theme?: 'light' | 'dark' | undefined;
  /** Shows everything but the buttons that steer. */
  readOnly?: boolean | undefined;
  /** Level of the heading that the monitor is under; its own are one below. Default 2. */
  headingLevel?: 1 | 2 | 3 | 4 | undefined;
  /** Names principals, such as who approved; they are shown by their ids where it names none. */
  nameOf?: NameOf | undefined;
  className?: string | undefined;
}

const NAMELESS: NameOf = () => undefined;

/**
 * One execution, live: status, progress, steps on a time line, output, tool calls, tokens, cost, errors, and buttons
 * to pause, resume, cancel and approve. Import `@cloutagent/react/styles.css` once.
 * Whatever an event says is shown as text.
 */
export function ExecutionMonitor(props: ExecutionMonitorProps): ReactNode {
  const { executionId, theme, readOnly = false, headingLevel = 2, nameOf = NAMELESS, className = '' } = props;
  const snapshot = useExecution(executionId);
  const controls = useExecutionControls(executionId);
  const { status, error, output, approvals, steps, startedAt } = snapshot;
  useTimelyError(controls, snapshot);
  const until = useServerTime(snapshot);
  return (
    <section className={`ca-monitor ${className}`} data-theme={theme} aria-label="Execution">
      <Announcer snapshot={snapshot} nameOf={nameOf} />
      <header className="ca-head">
        <StatusBadge status={status} />
        <bdi className="ca-id">{executionId}</bdi>
        {startedAt !== undefined && (
          <span className="ca-note">{formatDuration(until - Date.parse(startedAt))}</span>
        )}
        <ConnectionNotice {...snapshot} onReconnect={controls.reconnect} />
      </header>
      <ProgressBar progress={snapshot.progress} status={status} />
      {!readOnly && <ControlBar key={executionId} status={status} controls={controls} />}
      {error && (
        <p className="ca-error">
          <strong>{error.nodeId === undefined ? 'Failed' : <bdi>{error.nodeId} failed</bdi>}:</strong>{' '}
          <bdi>{visibleText(withNames(error.message, nameOf))}</bdi> <code>{error.code}</code>
        </p>
      )}
      <HeadingLevel.Provider value={headingLevel}>
        {approvals.map((node) => (
          <ApprovalCard key={node.step?.stepId} node={node} controls={readOnly ? undefined : controls} />
        ))}
        <Names.Provider value={nameOf}>
          <TimeLine steps={steps} startedAt={startedAt} until={until} />
        </Names.Provider>
        <RetryList retries={snapshot.retries} />
        <NodeList key={executionId} nodes={snapshot.nodes} caughtUp={snapshot.caughtUp} />
        <ToolCallList calls={snapshot.toolCalls} />
        {output !== undefined && (
          <Disclosure summary="Result">{() => <JsonPane value={output} label="result" />}</Disclosure>
        )}
        <UsagePanel {...snapshot} />
      </HeadingLevel.Provider>
    </section>
  );
}

/** What went wrong with a button is no longer true once the status is another one, or the server is reached again. */
function useTimelyError(
  { dismissError }: ExecutionControls,
  { status, connection }: ExecutionSnapshot,
): void {
  const isOpen = connection.status === 'open';
  useEffect(() => dismissError(), [status, dismissError]);
  useEffect(() => {
    if (isOpen) dismissError();
  }, [isOpen, dismissError]);
}

/** Now by the server's clock while it runs, its end once it is over; in ms since 1970. */
function useServerTime({ startedAt, endedAt, clockOffset }: ExecutionSnapshot): number {
  const now = useNow(startedAt !== undefined && endedAt === undefined);
  return endedAt === undefined ? now + clockOffset : Date.parse(endedAt);
}
