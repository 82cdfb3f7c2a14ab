import { type FormEvent, useId, useState } from 'react';
import { fieldProblems } from '../projects/field-problems.js';
import { FormFailure } from '../projects/form-failure.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { counted } from '../ui/quantity.js';
import { TextField } from '../ui/text-field.js';

/** Delivers again what was recorded in a range of time. */
export function ReplayForm({ project, name }: { project: string; name: string }) {
  const admin = useAdmin();
  const { working, error, run, clear } = useAction();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [outcome, setOutcome] = useState('');
  const id = useId();
  const problemOf = fieldProblems(error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setOutcome('');
    void run(async () => {
      const { executions } = await admin.webhooks.replay(project, name, {
        from: new Date(from).toISOString(),
        ...(to !== '' && { to: new Date(to).toISOString() }),
      });
      setOutcome(`Events of ${counted(executions, 'execution')} are delivered again.`);
    });
  };
  return (
    <form className="card" onSubmit={submit} onChange={clear} aria-labelledby={id}>
      <div className="card-head">
        <h2 id={id}>Deliver again</h2>
      </div>
      <div className="card-body stack">
        <div className="project-fields">
          <TextField
            label="From"
            hint="Events recorded since then, in your time zone"
            problem={problemOf('from')}
            type="datetime-local"
            required
            value={from}
            onType={setFrom}
          />
          <TextField
            label="Until"
            hint="Events recorded before then. Empty: now"
            problem={problemOf('to')}
            type="datetime-local"
            value={to}
            onType={setTo}
          />
        </div>
        {error && <FormFailure what="Nothing is delivered again." error={error} />}
        <div className="row">
          <button type="submit" className="button" disabled={working || from === ''}>
            Deliver again
          </button>
          <span role="status">{outcome}</span>
        </div>
      </div>
    </form>
  );
}
