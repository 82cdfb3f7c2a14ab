import type { ReactNode } from 'react';
import type { ExecutionSnapshot } from '../store/snapshot.js';
import { formatCount, formatCounted } from './format.js';

/** Shows how many steps are completed. */
export function ProgressBar({ progress, status }: Pick<ExecutionSnapshot, 'progress' | 'status'>): ReactNode {
  const percent = progress ? Math.min(100, Math.max(0, progress.percent)) : undefined;
  const label = progress
    ? `${formatCount(progress.completedSteps)} of ${formatCounted(progress.totalSteps, 'step')}`
    : status === 'queued'
      ? 'Not started'
      : 'No step completed yet';
  return (
    <div className="ca-progress" data-status={status}>
      <div
        className="ca-progress-track"
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={label}
      >
        <div className="ca-progress-bar" style={{ inlineSize: `${percent ?? 0}%` }} />
      </div>
      <span className="ca-note">{label}</span>
    </div>
  );
}
