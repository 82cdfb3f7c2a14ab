import type { OpenWait } from '@cloutagent/contract';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { formatCounted } from './format.js';
import { type NameOf, withNames } from './names.js';
import { visibleText } from './visible-text.js';

/** Changes within this time are announced together, in ms. */
const SETTLE_MS = 500;
/** Interval at which the progress is announced, in ms. */
const PROGRESS_MS = 15_000;

interface AnnouncerProps {
  snapshot: ExecutionSnapshot;
  nameOf: NameOf;
}

/** Announces changes of status and, at intervals, the progress to screen readers. It never announces output. */
export function Announcer({ snapshot, nameOf }: AnnouncerProps): ReactNode {
  const [announcement, announce] = useState('');
  const current = [describeStatus(snapshot, nameOf), describeWaits(snapshot), describeConnection(snapshot)]
    .filter(Boolean)
    .join(' ');
  const progressText = useRef('');
  const { progress, status } = snapshot;

  useEffect(() => {
    progressText.current = progress
      ? `${progress.completedSteps} of ${formatCounted(progress.totalSteps, 'step')} completed.`
      : '';
  }, [progress]);

  useEffect(() => {
    const timer = setTimeout(() => announce(current), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [current]);

  useEffect(() => {
    if (status !== 'running') return;
    const timer = setInterval(() => {
      if (progressText.current) announce(progressText.current);
    }, PROGRESS_MS);
    return () => clearInterval(timer);
  }, [status]);

  return (
    <div className="ca-visually-hidden" role="status" aria-live="polite" aria-atomic="true">
      {announcement}
    </div>
  );
}

function describeStatus({ status, error, lastSequence }: ExecutionSnapshot, nameOf: NameOf): string {
  if (lastSequence === 0) return '';
  return error
    ? `Execution failed: ${visibleText(withNames(error.message.slice(0, 300), nameOf))}`
    : `Execution ${status}.`;
}

/** Number of waits that are announced one by one. */
const MAX_WAITS = 3;

function describeWaits({ waits }: ExecutionSnapshot): string {
  const rest = waits.length - MAX_WAITS;
  return [
    ...waits.slice(0, MAX_WAITS).map(describeWait),
    ...(rest > 0 ? [`${formatCounted(rest, 'more open wait')}.`] : []),
  ].join(' ');
}

function describeWait({ kind, nodeId, signal = '', toolName = '', children }: OpenWait): string {
  switch (kind) {
    case 'approval':
      return `Approval needed: ${nodeId}.`;
    case 'tool':
      return `Approval needed: ${nodeId}, tool ${visibleText(toolName)}.`;
    case 'failure':
      return `Decision needed: ${nodeId} failed.`;
    case 'signal':
      return `${nodeId} waits for the signal ${visibleText(signal)}.`;
    case 'timer':
      return `${nodeId} waits.`;
    case 'children':
      return `${nodeId} waits for ${formatCounted(children?.count ?? 0, 'child execution')}.`;
  }
}

function describeConnection({ connection, lastSequence }: ExecutionSnapshot): string {
  const { status } = connection;
  if (status === 'closed' && connection.reason === 'refused')
    return `Not connected: ${visibleText(connection.error?.message ?? 'refused')}`;
  // One announcement for all attempts: the connection counts as lost until it is open.
  const lost = status === 'waiting' || (status === 'connecting' && connection.attempt > 1);
  return lost && lastSequence > 0 ? 'Connection lost, reconnecting.' : '';
}
