import type { Trigger } from '@cloutagent/client/admin';
import { useCallback } from 'react';
import { ResourceList } from '../projects/resource-list.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { useLoad } from '../session/use-load.js';
import { PlainText } from '../ui/plain-text.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { StatusBadge } from '../ui/status-badge.js';
import { LastRun } from './last-run.js';

export function TriggerList({ project }: { project: string }) {
  const admin = useAdmin();
  const list = useLoad(useCallback((signal) => admin.triggers.list(project, { signal }), [admin, project]));
  const { working, error, run } = useAction();
  const setEnabled = ({ name, workflowRef, source, secret, map, enabled }: Trigger) =>
    run(async () => {
      await admin.triggers.set(project, name, { workflowRef, source, secret, map, enabled: !enabled });
      list.reload();
    });
  return (
    <>
      {error && <ProblemNotice what="The request failed." error={error} />}
      <ResourceList
        heading="Triggers"
        list={list}
        items={list.data?.triggers}
        keyOf={({ name }) => name}
        empty={
          <p>
            A trigger starts a saved workflow when a webhook of another service arrives. Make one with{' '}
            <code>cloutagent triggers set</code> or the API.
          </p>
        }
        columns={[
          {
            heading: 'Name',
            render: ({ name }) => <span className="resource-name">{name}</span>,
            wide: true,
          },
          {
            heading: 'State',
            render: ({ enabled }) => (
              <StatusBadge
                status={enabled ? 'completed' : 'paused'}
                label={enabled ? 'enabled' : 'disabled'}
              />
            ),
          },
          { heading: 'Workflow', render: ({ workflowRef }) => <code>{workflowRef}</code> },
          { heading: 'Sender', render: ({ source }) => source },
          {
            heading: 'Address',
            wide: true,
            render: ({ address }) => (
              <code className="value-text">
                <PlainText text={address} />
              </code>
            ),
          },
          { heading: 'Last run', render: (trigger) => <LastRun {...trigger} /> },
          {
            heading: 'Actions',
            isActions: true,
            render: (trigger) => (
              <span className="row end-row">
                <button
                  type="button"
                  className="button"
                  disabled={working}
                  aria-label={`${trigger.enabled ? 'Disable' : 'Enable'} ${trigger.name}`}
                  onClick={() => void setEnabled(trigger)}
                >
                  {trigger.enabled ? 'Disable' : 'Enable'}
                </button>
              </span>
            ),
          },
        ]}
      />
    </>
  );
}
