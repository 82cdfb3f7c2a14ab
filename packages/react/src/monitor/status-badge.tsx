import type { ExecutionStatus, Step } from '@cloutagent/contract';
import type { ReactNode } from 'react';
import { STATUS_SIGNS } from './labels.js';

/** Shows a status as word, sign and colour. */
export function StatusBadge({ status }: { status: ExecutionStatus | Step['status'] }): ReactNode {
  return (
    <span className="ca-badge" data-status={status}>
      <span aria-hidden="true">{STATUS_SIGNS[status]}</span> {status}
    </span>
  );
}
