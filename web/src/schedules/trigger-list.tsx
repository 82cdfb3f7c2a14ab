import type { Trigger } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { ConfirmDialog } from '../projects/confirm-dialog.js';
import { FormFailure } from '../projects/form-failure.js';
import { ResourceList } from '../projects/resource-list.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { useAccess } from '../session/access.js';
import { useLoad } from '../session/use-load.js';
import { PlainText } from '../ui/plain-text.js';
import { LAST_RUN, NAME, StarterActions, STATE, WORKFLOW } from './starter-columns.js';
import { TriggerForm } from './trigger-form.js';

export function TriggerList({ project }: { project: string }) {
  const admin = useAdmin();
  // Setting a trigger starts executions, so the server requires this scope as well.
  const maySet = useAccess().may('executions:write');
  const list = useLoad(useCallback((signal) => admin.triggers.list(project, { signal }), [admin, project]));
  const { working, error, run } = useAction();
  const [setting, setSetting] = useState<Trigger | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Trigger | null>(null);
  const setEnabled = ({ name, workflowRef, source, secret, map, enabled }: Trigger) =>
    run(async () => {
      await admin.triggers.set(project, name, { workflowRef, source, secret, map, enabled: !enabled });
      list.reload();
    });
  return (
    <>
      {error && <FormFailure what="The request failed." error={error} />}
      {setting !== null && (
        <TriggerForm
          key={setting === 'new' ? '' : setting.name}
          project={project}
          trigger={setting === 'new' ? undefined : setting}
          onDone={() => {
            setSetting(null);
            list.reload();
          }}
          onCancel={() => setSetting(null)}
        />
      )}
      <ResourceList
        heading="Triggers"
        list={list}
        items={list.data?.triggers}
        keyOf={({ name }) => name}
        actions={
          maySet &&
          setting === null && (
            <button type="button" className="button" onClick={() => setSetting('new')}>
              New trigger
            </button>
          )
        }
        empty={<p>A trigger starts a saved workflow when a webhook of another service arrives.</p>}
        columns={[
          NAME,
          STATE,
          WORKFLOW,
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
          LAST_RUN,
          {
            heading: 'Actions',
            isActions: true,
            render: (trigger) => (
              <StarterActions
                starter={trigger}
                maySet={maySet}
                working={working}
                onChange={() => setSetting(trigger)}
                onToggle={() => void setEnabled(trigger)}
                onDelete={() => setDeleting(trigger)}
              />
            ),
          },
        ]}
      />
      {deleting && (
        <ConfirmDialog
          title={`Delete the trigger ${deleting.name}?`}
          verb="Delete"
          keep="Keep trigger"
          action={async () => {
            await admin.triggers.delete(project, deleting.name);
            list.reload();
          }}
          onClose={() => setDeleting(null)}
        >
          Its address takes no requests any more. Its executions stay.
        </ConfirmDialog>
      )}
    </>
  );
}
