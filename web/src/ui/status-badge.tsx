import { StatusIcon } from './status-icon.js';

/** Shows a status by word, icon and colour. */
export function StatusBadge({ status, label = status }: { status: string; label?: string }) {
  return (
    <span className="badge" data-status={status}>
      <StatusIcon status={status} />
      {label}
    </span>
  );
}
