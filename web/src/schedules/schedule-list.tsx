import type { Schedule } from '@cloutagent/client/admin';
import { useCallback, useState } from 'react';
import { ConfirmDialog } from '../projects/confirm-dialog.js';
import { FormFailure } from '../projects/form-failure.js';
import { ResourceList } from '../projects/resource-list.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { navigate } from '../routing/location.js';
import { useAccess } from '../session/access.js';
import { useLoad } from '../session/use-load.js';
import { Deadline } from '../ui/moment.js';
import { randomKey } from '../ui/random-key.js';
import { ScheduleForm } from './schedule-form.js';
import { LAST_RUN, NAME, StarterActions, STATE, WORKFLOW } from './starter-columns.js';

export function ScheduleList({ project }: { project: string }) {
  const admin = useAdmin();
  // Setting a schedule starts executions, so the server requires this scope as well.
  const mayStart = useAccess().may('executions:write');
  const list = useLoad(useCallback((signal) => admin.schedules.list(project, { signal }), [admin, project]));
  const { working, error, run } = useAction();
  const [setting, setSetting] = useState<Schedule | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Schedule | null>(null);
  const setEnabled = ({ name, ...schedule }: Schedule) =>
    run(async () => {
      const { workflowRef, input, cron, timeZone, overlap, catchUp, enabled } = schedule;
      const settings = { workflowRef, input, cron, timeZone, overlap, catchUp };
      await admin.schedules.set(project, name, { ...settings, enabled: !enabled });
      list.reload();
    });
  const runNow = (name: string) =>
    run(async () => {
      const { id } = await admin.schedules.run(project, name, { idempotencyKey: randomKey() });
      navigate(`/executions/${id}`);
    });
  return (
    <>
      {error && <FormFailure what="The request failed." error={error} />}
      {setting !== null && (
        <ScheduleForm
          key={setting === 'new' ? '' : setting.name}
          project={project}
          schedule={setting === 'new' ? undefined : setting}
          onDone={() => {
            setSetting(null);
            list.reload();
          }}
          onCancel={() => setSetting(null)}
        />
      )}
      <ResourceList
        heading="Schedules"
        list={list}
        items={list.data?.schedules}
        keyOf={({ name }) => name}
        actions={
          mayStart &&
          setting === null && (
            <button type="button" className="button primary" onClick={() => setSetting('new')}>
              New schedule
            </button>
          )
        }
        empty={<p>A schedule starts a saved workflow at times that recur.</p>}
        columns={[
          NAME,
          STATE,
          WORKFLOW,
          {
            heading: 'When',
            render: ({ cron, timeZone }) => (
              <>
                <code>{cron}</code> <span className="muted">{timeZone}</span>
              </>
            ),
          },
          {
            heading: 'Next run',
            render: ({ nextAt }) => (nextAt === null ? 'none' : <Deadline at={nextAt} />),
          },
          LAST_RUN,
          {
            heading: 'Actions',
            isActions: true,
            render: (schedule) => (
              <StarterActions
                starter={schedule}
                maySet={mayStart}
                working={working}
                onChange={() => setSetting(schedule)}
                onToggle={() => void setEnabled(schedule)}
                onDelete={() => setDeleting(schedule)}
              >
                <button
                  type="button"
                  className="button"
                  disabled={working}
                  aria-label={`Run now: ${schedule.name}`}
                  onClick={() => void runNow(schedule.name)}
                >
                  Run now
                </button>
              </StarterActions>
            ),
          },
        ]}
      />
      {deleting && (
        <ConfirmDialog
          title={`Delete the schedule ${deleting.name}?`}
          verb="Delete"
          keep="Keep schedule"
          action={async () => {
            await admin.schedules.delete(project, deleting.name);
            list.reload();
          }}
          onClose={() => setDeleting(null)}
        >
          It starts nothing any more. Its executions stay.
        </ConfirmDialog>
      )}
    </>
  );
}
