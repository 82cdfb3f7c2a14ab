import type { Secret } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { ConfirmDialog } from '../projects/confirm-dialog.js';
import { ResourceList } from '../projects/resource-list.js';
import { useAdmin } from '../projects/use-admin.js';
import { useLoad } from '../session/use-load.js';
import { Moment } from '../ui/moment.js';
import { SecretForm } from './secret-form.js';

/** The names of the secrets of a project. No route returns their values. */
export function SecretList({ project }: { project: string }) {
  const admin = useAdmin();
  const list = useLoad(useCallback((signal) => admin.secrets.list(project, { signal }), [admin, project]));
  /** The secret whose value is being set. */
  const [setting, setSetting] = useState<Secret | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Secret | null>(null);
  return (
    <>
      {setting !== null && (
        <SecretForm
          key={setting === 'new' ? '' : setting.name}
          project={project}
          secret={setting === 'new' ? undefined : setting}
          onDone={() => {
            setSetting(null);
            list.reload();
          }}
          onCancel={() => setSetting(null)}
        />
      )}
      <ResourceList
        heading="Secrets"
        list={list}
        items={list.data?.secrets}
        keyOf={({ name }) => name}
        actions={
          setting === null && (
            <button type="button" className="button primary" onClick={() => setSetting('new')}>
              New secret
            </button>
          )
        }
        empty={
          <p>
            A workflow names a secret as <code>{'{{secrets.NAME}}'}</code>. Its value is encrypted, and leaves
            the server only in requests of nodes and tools.
          </p>
        }
        columns={[
          {
            heading: 'Name',
            render: ({ name }) => <code className="resource-name">{name}</code>,
            wide: true,
          },
          {
            heading: 'Allowed hosts',
            render: ({ allowedHosts }) => allowedHosts?.join(', ') ?? 'any',
            wide: true,
          },
          { heading: 'Set', render: ({ updatedAt }) => <Moment at={updatedAt} /> },
          {
            heading: 'Actions',
            isActions: true,
            render: (secret) => (
              <span className="row end-row">
                <button
                  type="button"
                  className="button"
                  aria-label={`Change ${secret.name}`}
                  onClick={() => setSetting(secret)}
                >
                  Change
                </button>
                <button
                  type="button"
                  className="button danger"
                  aria-label={`Delete ${secret.name}`}
                  onClick={() => setDeleting(secret)}
                >
                  Delete
                </button>
              </span>
            ),
          },
        ]}
      />
      {deleting && (
        <ConfirmDialog
          title={`Delete the secret ${deleting.name}?`}
          verb="Delete"
          keep="Keep secret"
          action={async () => {
            await admin.secrets.delete(project, deleting.name);
            list.reload();
          }}
          onClose={() => setDeleting(null)}
        >
          Executions that need it will fail. This cannot be undone.
        </ConfirmDialog>
      )}
    </>
  );
}
