import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { formatCounted } from './format.js';
import { type NameOf, withNames } from './names.js';
import { visibleText } from './visible-text.js';

/** What changes within this time is said once. */
const SETTLE_MS = 500;
/** How often a screen reader hears how far it is, when nothing else is said. */
const SUMMARY_MS = 15_000;

interface AnnouncerProps {
  snapshot: ExecutionSnapshot;
  nameOf: NameOf;
}

/** Tells a screen reader what happens: changes of status when they happen, progress now and then, output never. */
export function Announcer({ snapshot, nameOf }: AnnouncerProps): ReactNode {
  const [said, say] = useState('');
  const news = [sayStatus(snapshot, nameOf), sayApprovals(snapshot), sayConnection(snapshot)]
    .filter(Boolean)
    .join(' ');
  const summary = useRef('');
  const { progress, status } = snapshot;

  useEffect(() => {
    summary.current = progress
      ? `${progress.completedSteps} of ${formatCounted(progress.totalSteps, 'step')} done.`
      : '';
  }, [progress]);

  useEffect(() => {
    const timer = setTimeout(() => say(news), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [news]);

  useEffect(() => {
    if (status !== 'running') return;
    const timer = setInterval(() => {
      if (summary.current) say(summary.current);
    }, SUMMARY_MS);
    return () => clearInterval(timer);
  }, [status]);

  return (
    <div className="ca-visually-hidden" role="status" aria-live="polite" aria-atomic="true">
      {said}
    </div>
  );
}

function sayStatus({ status, error, lastSequence }: ExecutionSnapshot, nameOf: NameOf): string {
  if (lastSequence === 0) return '';
  return error
    ? `Execution failed: ${visibleText(withNames(error.message.slice(0, 300), nameOf))}`
    : `Execution ${status}.`;
}

function sayApprovals({ approvals }: ExecutionSnapshot): string {
  return approvals.map(({ nodeId }) => `Approval needed: ${nodeId}.`).join(' ');
}

function sayConnection({ connection, lastSequence }: ExecutionSnapshot): string {
  const { status } = connection;
  if (status === 'closed' && connection.reason === 'refused')
    return `Not connected: ${visibleText(connection.error?.message ?? 'refused')}`;
  // Every attempt anew would be too much: it is lost until it is open.
  const lost = status === 'waiting' || (status === 'connecting' && connection.attempt > 1);
  return lost && lastSequence > 0 ? 'Connection lost, reconnecting.' : '';
}
