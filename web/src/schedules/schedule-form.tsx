import type { Schedule } from '@cloutagent/client/admin';
import { useState } from 'react';
import { parseTyped } from '../projects/json-text.js';
import { ResourceForm } from '../projects/resource-form.js';
import { useAdmin } from '../projects/use-admin.js';
import { ChoiceField } from '../ui/choice-field.js';
import { CodeField } from '../ui/code-field.js';
import { TextField } from '../ui/text-field.js';

const OVERLAPS = [
  ['skip', 'skip the due time'],
  ['enqueue', 'start after it has ended'],
  ['cancel-running', 'cancel it and start'],
] as const;
const CATCH_UPS = [
  ['none', 'start none of them'],
  ['one', 'start the newest'],
  ['all', 'start all of them'],
] as const;

interface Props {
  project: string;
  /** The schedule to change; undefined for a new one. */
  schedule: Schedule | undefined;
  onDone: () => void;
  onCancel: () => void;
}

export function ScheduleForm({ project, schedule, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const [name, setName] = useState(schedule?.name ?? '');
  const [workflowRef, setWorkflowRef] = useState(schedule?.workflowRef ?? '');
  const [cron, setCron] = useState(schedule?.cron ?? '');
  const [timeZone, setTimeZone] = useState(schedule?.timeZone ?? localZone());
  const [overlap, setOverlap] = useState(schedule?.overlap ?? 'skip');
  const [catchUp, setCatchUp] = useState(schedule?.catchUp ?? 'one');
  const [input, setInput] = useState(
    schedule && schedule.input !== null ? JSON.stringify(schedule.input, undefined, 2) : '',
  );
  const enabled = schedule?.enabled ?? true;
  return (
    <ResourceForm
      title={schedule ? `Change the schedule ${schedule.name}` : 'New schedule'}
      submitLabel="Set schedule"
      failed="The schedule was not set."
      action={() =>
        admin.schedules.set(project, name.trim(), {
          workflowRef: workflowRef.trim(),
          cron: cron.trim(),
          timeZone: timeZone.trim(),
          overlap,
          catchUp,
          enabled,
          input: parseTyped(input),
        })
      }
      onDone={onDone}
      onCancel={onCancel}
    >
      {(problemOf) => (
        <>
          <TextField
            label="Name"
            hint="Letters, digits, and . _ - such as nightly"
            problem={problemOf('name')}
            value={name}
            onType={setName}
            required
            maxLength={64}
            readOnly={schedule !== undefined}
            autoFocus={schedule === undefined}
          />
          <TextField
            label="Workflow"
            hint="A saved workflow, such as report@production"
            problem={problemOf('workflowRef')}
            value={workflowRef}
            onType={setWorkflowRef}
            isCode
            required
            autoFocus={schedule !== undefined}
          />
          <TextField
            label="Cron"
            hint="Minute, hour, day, month, weekday: 30 2 * * 1-5"
            problem={problemOf('cron')}
            value={cron}
            onType={setCron}
            isCode
            required
            maxLength={200}
          />
          <TextField
            label="Time zone"
            hint="Such as Europe/Berlin or UTC"
            problem={problemOf('timeZone')}
            value={timeZone}
            onType={setTimeZone}
            required
            maxLength={64}
          />
          <ChoiceField
            label="If an earlier execution is open"
            hint="What happens at a due time then"
            problem={problemOf('overlap')}
            value={overlap}
            choices={OVERLAPS}
            onChoose={setOverlap}
          />
          <ChoiceField
            label="Missed due times"
            hint="Those that passed while no server was running"
            problem={problemOf('catchUp')}
            value={catchUp}
            choices={CATCH_UPS}
            onChoose={setCatchUp}
          />
          <CodeField
            label="Input"
            hint="JSON. A text that is not JSON is the input itself. Empty: null"
            problem={problemOf('input')}
            value={input}
            onType={setInput}
          />
        </>
      )}
    </ResourceForm>
  );
}

const localZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;
