import { type FormEvent, type ReactNode, useId } from 'react';
import { fieldProblems } from './field-problems.js';
import { FormFailure } from './form-failure.js';
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
  const problemOf = fieldProblems(error);
  /** The fields of the form. Problems of others are listed below them. */
  const marked = new Set<string>();
  const fields = children((field) => {
    marked.add(field);
    return problemOf(field);
  });
  return (
    <form className="card" onSubmit={submit} onChange={clear} aria-labelledby={id} autoComplete="off">
      <div className="card-head">
        <h2 id={id}>{title}</h2>
      </div>
      <div className="card-body stack">
        <div className="project-fields">{fields}</div>
        {error && <FormFailure what={failed} error={error} marked={marked} />}
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
