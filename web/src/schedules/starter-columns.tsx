import type { ReactNode } from 'react';
import type { Column } from '../projects/resource-list.js';
import { StatusBadge } from '../ui/status-badge.js';
import { LastRun } from './last-run.js';

/** What schedules and triggers have in common: they start executions of a saved workflow. */
interface Starter {
  name: string;
  enabled: boolean;
  workflowRef: string;
  lastAt: string | null;
  lastExecutionId: string | null;
  lastError: string | null;
}

export const NAME: Column<Starter> = {
  heading: 'Name',
  render: ({ name }) => <span className="resource-name">{name}</span>,
  wide: true,
};
export const STATE: Column<Starter> = {
  heading: 'State',
  render: ({ enabled }) => (
    <StatusBadge status={enabled ? 'completed' : 'paused'} label={enabled ? 'enabled' : 'disabled'} />
  ),
};
export const WORKFLOW: Column<Starter> = {
  heading: 'Workflow',
  render: ({ workflowRef }) => <code>{workflowRef}</code>,
};
export const LAST_RUN: Column<Starter> = {
  heading: 'Last run',
  render: (starter) => <LastRun {...starter} />,
};

interface ActionsProps {
  starter: Pick<Starter, 'name' | 'enabled'>;
  /** Whether the user may change it. */
  maySet: boolean;
  working: boolean;
  onChange: () => void;
  onToggle: () => void;
  onDelete: () => void;
  /** A button before the others, for users who may change it. */
  children?: ReactNode;
}

export function StarterActions({ starter, maySet, working, children, ...on }: ActionsProps) {
  const { name, enabled } = starter;
  const toggle = enabled ? 'Disable' : 'Enable';
  return (
    <span className="row end-row">
      {maySet && (
        <>
          {children}
          <button type="button" className="button" aria-label={`Change ${name}`} onClick={on.onChange}>
            Change
          </button>
          <button
            type="button"
            className="button"
            disabled={working}
            aria-label={`${toggle} ${name}`}
            onClick={on.onToggle}
          >
            {toggle}
          </button>
        </>
      )}
      <button type="button" className="button danger" aria-label={`Delete ${name}`} onClick={on.onDelete}>
        Delete
      </button>
    </span>
  );
}
