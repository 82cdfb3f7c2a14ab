import type { Variable } from '@cloutagent/client/admin';
import { type FormEvent, useId, useState } from 'react';
import { fieldProblems } from '../projects/field-problems.js';
import { parseTyped } from '../projects/json-text.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Field } from '../ui/field.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  project: string;
  /** The variable to change; undefined for a new one. */
  variable: Variable | undefined;
  onDone: () => void;
  onCancel: () => void;
}

export function VariableForm({ project, variable, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const { working, error, run } = useAction();
  const [name, setName] = useState(variable?.name ?? '');
  const [text, setText] = useState(variable ? JSON.stringify(variable.value, undefined, 2) : '');
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const set = () => admin.variables.set(project, name.trim(), parseTyped(text));
    void run(set).then((done) => done && onDone());
  };
  return (
    <form className="card card-body stack" onSubmit={submit} aria-label="Set a variable">
      <div className="project-fields">
        <Field id={`${id}-name`} label="Name" hint="Letters, digits and _, such as REGION">
          <input
            id={`${id}-name`}
            className="input mono"
            value={name}
            maxLength={64}
            required
            pattern="[A-Za-z_][A-Za-z0-9_]*"
            readOnly={variable !== undefined}
            autoFocus={variable === undefined}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setName(event.target.value)}
            aria-describedby={`${id}-name-hint`}
          />
        </Field>
        <Field
          id={`${id}-value`}
          label="Value"
          hint="JSON. A text that is not JSON is the value itself"
          problem={fieldProblems(error)('value')}
        >
          <textarea
            id={`${id}-value`}
            className="input mono"
            rows={3}
            value={text}
            autoFocus={variable !== undefined}
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
            aria-describedby={`${id}-value-hint`}
          />
        </Field>
      </div>
      {error && <ProblemNotice what="The variable was not set." error={error} />}
      <div className="row">
        <button type="submit" className="button primary" disabled={working}>
          Set variable
        </button>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
