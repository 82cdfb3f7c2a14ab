import { type FormEvent, type ReactNode, useId } from 'react';
import { ProblemNotice } from '../ui/problem-notice.js';
import { fieldProblems } from './field-problems.js';
import { useAction } from './use-action.js';

interface Props {
  title: string;
  submitLabel: string;
  /** What a failure means: "The schedule was not set." */
  failed: string;
  /** Sends the values of the fields. */
  action: () => Promise<unknown>;
  onDone: () => void;
  onCancel: () => void;
  /** Shows the fields. `problemOf` gives the problem that the server has found in a field of the request. */
  children: (problemOf: (field: string) => string | undefined) => ReactNode;
}

/** A form that sets a thing of a project. An error is shown until a field is changed. */
export function ResourceForm({ title, submitLabel, failed, action, onDone, onCancel, children }: Props) {
  const { working, error, run, clear } = useAction();
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(action).then((done) => done && onDone());
  };
  return (
    <form className="card" onSubmit={submit} onChange={clear} aria-labelledby={id} autoComplete="off">
      <div className="card-head">
        <h2 id={id}>{title}</h2>
      </div>
      <div className="card-body stack">
        <div className="project-fields">{children(fieldProblems(error))}</div>
        {error && <ProblemNotice what={failed} error={error} />}
        <div className="row">
          <button type="submit" className="button primary" disabled={working}>
            {submitLabel}
          </button>
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
        </div>
      </div>
    </form>
  );
}
