import { type FormEvent, useId, useState } from 'react';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Field } from '../ui/field.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { counted } from '../ui/quantity.js';

/** Delivers again what was recorded in a range of time. */
export function ReplayForm({ project, name }: { project: string; name: string }) {
  const admin = useAdmin();
  const { working, error, run } = useAction();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [outcome, setOutcome] = useState('');
  const id = useId();
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
    <form className="card card-body stack" onSubmit={submit} aria-label="Deliver again">
      <div className="project-fields">
        <Field
          id={`${id}-from`}
          label="Deliver again from"
          hint="Events recorded since then, in your time zone"
        >
          <input
            id={`${id}-from`}
            className="input"
            type="datetime-local"
            required
            value={from}
            onChange={(event) => setFrom(event.target.value)}
            aria-describedby={`${id}-from-hint`}
          />
        </Field>
        <Field id={`${id}-to`} label="Until" hint="Events recorded before then. Empty: now">
          <input
            id={`${id}-to`}
            className="input"
            type="datetime-local"
            value={to}
            onChange={(event) => setTo(event.target.value)}
            aria-describedby={`${id}-to-hint`}
          />
        </Field>
      </div>
      {error && <ProblemNotice what="Nothing is delivered again." error={error} />}
      <div className="row">
        <button type="submit" className="button" disabled={working || from === ''}>
          Deliver again
        </button>
        <span role="status">{outcome}</span>
      </div>
    </form>
  );
}
