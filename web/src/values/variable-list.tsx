import type { Variable } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { ConfirmDialog } from '../projects/confirm-dialog.js';
import { ResourceList } from '../projects/resource-list.js';
import { useAdmin } from '../projects/use-admin.js';
import { useAccess } from '../session/access.js';
import { useLoad } from '../session/use-load.js';
import { Moment } from '../ui/moment.js';
import { PlainText } from '../ui/plain-text.js';
import { VariableForm } from './variable-form.js';

/** The variables of a project with their values. */
export function VariableList({ project }: { project: string }) {
  const admin = useAdmin();
  const mayChange = useAccess().may('workflows:write');
  const list = useLoad(useCallback((signal) => admin.variables.list(project, { signal }), [admin, project]));
  const [setting, setSetting] = useState<Variable | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Variable | null>(null);
  return (
    <>
      {setting !== null && (
        <VariableForm
          key={setting === 'new' ? '' : setting.name}
          project={project}
          variable={setting === 'new' ? undefined : setting}
          onDone={() => {
            setSetting(null);
            list.reload();
          }}
          onCancel={() => setSetting(null)}
        />
      )}
      <ResourceList
        heading="Variables"
        list={list}
        items={list.data?.variables}
        keyOf={({ name }) => name}
        actions={
          mayChange &&
          setting === null && (
            <button type="button" className="button" onClick={() => setSetting('new')}>
              New variable
            </button>
          )
        }
        empty={
          <p>
            A workflow reads a variable as <code>{'{{vars.NAME}}'}</code>. Variables are plain values: use
            secrets for confidential ones.
          </p>
        }
        columns={[
          {
            heading: 'Name',
            render: ({ name }) => <code className="resource-name">{name}</code>,
            wide: true,
          },
          {
            heading: 'Value',
            wide: true,
            render: ({ value }) => (
              <code className="value-text" tabIndex={0}>
                <PlainText text={JSON.stringify(value)} />
              </code>
            ),
          },
          { heading: 'Set', render: ({ updatedAt }) => <Moment at={updatedAt} /> },
          {
            heading: 'Actions',
            isActions: true,
            render: (variable) =>
              mayChange && (
                <span className="row end-row">
                  <button
                    type="button"
                    className="button"
                    aria-label={`Change ${variable.name}`}
                    onClick={() => setSetting(variable)}
                  >
                    Change
                  </button>
                  <button
                    type="button"
                    className="button danger"
                    aria-label={`Delete ${variable.name}`}
                    onClick={() => setDeleting(variable)}
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
          title={`Delete the variable ${deleting.name}?`}
          verb="Delete"
          keep="Keep variable"
          action={async () => {
            await admin.variables.delete(project, deleting.name);
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
