import type { OpenWait } from '@cloutagent/contract';
import { type ReactNode, useEffect } from 'react';
import { useExecution } from '../use-execution.js';
import { type ExecutionControls, useExecutionControls } from '../use-execution-controls.js';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { Announcer } from './announcer.js';
import { ChildList, type ExecutionLinks, Links } from './child-list.js';
import { ConnectionNotice } from './connection-notice.js';
import { ControlBar } from './control-bar.js';
import { Disclosure } from './disclosure.js';
import { formatCounted, formatDuration } from './format.js';
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
import { WaitCard } from './wait-card.js';

export interface ExecutionMonitorProps {
  executionId: string;
  /** Default: the theme of the page, or else of the system. */
  theme?: 'light' | 'dark' | undefined;
  /** Hides the buttons that control the execution. */
  readOnly?: boolean | undefined;
  /** Level of the heading above the monitor. The monitor's own headings are one level below. Default 2. */
  headingLevel?: 1 | 2 | 3 | 4 | undefined;
  /** Returns the name of a principal, such as the person who approved. Principals without a name are shown by id. */
  nameOf?: NameOf | undefined;
  /** How the pages of child executions are reached. Without it, they are shown without links. */
  links?: ExecutionLinks | undefined;
  /** The root of the tree if the execution is a child execution: `rootId` of `executions.get`. */
  rootId?: string | undefined;
  className?: string | undefined;
}

const NO_NAMES: NameOf = () => undefined;

/**
 * Shows one execution live: status, progress, steps on a time line, output, tool calls, tokens, cost, errors, what it waits
 * for with forms to answer, child executions, and buttons to pause, resume and cancel. Import `@cloutagent/react/styles.css` once.
 * The content of events is only ever shown as text.
 */
export function ExecutionMonitor(props: ExecutionMonitorProps): ReactNode {
  const { executionId, theme, readOnly = false, headingLevel = 2, nameOf = NO_NAMES, className = '' } = props;
  const { links, rootId } = props;
  const snapshot = useExecution(executionId);
  const controls = useExecutionControls(executionId);
  const { status, error, output, waits, steps, branches, startedAt } = snapshot;
  useErrorDismissal(controls, snapshot);
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
        <WaitList
          waits={waits}
          nameOf={nameOf}
          clockOffset={snapshot.clockOffset}
          controls={readOnly ? undefined : controls}
        />
        <Links.Provider value={links}>
          {snapshot.hasChildren && <ChildList key={executionId} executionId={executionId} rootId={rootId} />}
          <Names.Provider value={nameOf}>
            <TimeLine steps={steps} branches={branches} startedAt={startedAt} until={until} />
          </Names.Provider>
        </Links.Provider>
        <RetryList retries={snapshot.retries} />
        <NodeList key={executionId} nodes={snapshot.nodes} caughtUp={snapshot.caughtUp} />
        <ToolCallList calls={snapshot.toolCalls} waits={waits} />
        {output !== undefined && (
          <Disclosure summary="Result">{() => <JsonPane value={output} label="result" />}</Disclosure>
        )}
        <UsagePanel {...snapshot} />
      </HeadingLevel.Provider>
    </section>
  );
}

interface WaitListProps extends Pick<ExecutionSnapshot, 'waits' | 'clockOffset'> {
  nameOf: NameOf;
  /** Without controls the waits are read-only. */
  controls: ExecutionControls | undefined;
}

/** Number of waits that are shown, each with its form. More are rare, and answered one after the other. */
const MAX_WAITS = 20;

/** What a person decides comes first, what ends by itself last. */
const ORDER = ['failure', 'approval', 'tool', 'signal', 'children', 'timer'] satisfies OpenWait['kind'][];
const byUrgency = (a: OpenWait, b: OpenWait): number => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind);

function WaitList({ waits, nameOf, clockOffset, controls }: WaitListProps): ReactNode {
  return (
    <>
      {waits
        .toSorted(byUrgency)
        .slice(0, MAX_WAITS)
        .map((wait) => (
          <WaitCard
            key={wait.waitId}
            wait={wait}
            nameOf={nameOf}
            clockOffset={clockOffset}
            answer={controls && ((answer) => controls.answer(wait.waitId, answer))}
            error={controls?.waitErrors.get(wait.waitId)}
          />
        ))}
      {waits.length > MAX_WAITS && (
        <p className="ca-note">{formatCounted(waits.length - MAX_WAITS, 'more open wait')}</p>
      )}
    </>
  );
}

/** Dismisses the error of an action when the status changes or the connection is open again. */
function useErrorDismissal(
  { dismissError }: ExecutionControls,
  { status, connection }: ExecutionSnapshot,
): void {
  const isOpen = connection.status === 'open';
  useEffect(() => dismissError(), [status, dismissError]);
  useEffect(() => {
    if (isOpen) dismissError();
  }, [isOpen, dismissError]);
}

/** Returns the time of the server's clock while the execution runs, and its end after that; in ms since 1970. */
function useServerTime({ startedAt, endedAt, clockOffset }: ExecutionSnapshot): number {
  const now = useNow(startedAt !== undefined && endedAt === undefined);
  return endedAt === undefined ? now + clockOffset : Date.parse(endedAt);
}
