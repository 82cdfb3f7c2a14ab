import type { SavedWorkflow } from '@cloutagent/client/admin';
import { type FormEvent, useId, useState } from 'react';
import { fieldProblems } from '../projects/field-problems.js';
import { FormFailure } from '../projects/form-failure.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { TextField } from '../ui/text-field.js';

interface Props {
  project: string;
  name: string;
  saved: SavedWorkflow;
  onChanged: () => void;
}

/** Points an alias to the version that the page shows, or deletes one. */
export function AliasForm({ project, name, saved, onChanged }: Props) {
  const admin = useAdmin();
  const { working, error, run, clear } = useAction();
  const [alias, setAlias] = useState('production');
  const id = useId();
  const current = saved.aliases[alias];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => admin.workflows.setAlias(project, name, alias, saved.version)).then(
      (done) => done && onChanged(),
    );
  };
  const remove = () =>
    run(() => admin.workflows.deleteAlias(project, name, alias)).then((done) => done && onChanged());
  return (
    <form className="card" onSubmit={submit} onChange={clear} aria-labelledby={id} autoComplete="off">
      <div className="card-head">
        <h2 id={id}>Aliases</h2>
      </div>
      <div className="card-body stack">
        <TextField
          label="Alias"
          hint={current === undefined ? 'A new alias, such as production' : `It points to version ${current}`}
          problem={fieldProblems(error)('alias')}
          value={alias}
          onType={setAlias}
          required
          maxLength={64}
        />
        {error && <FormFailure what="The alias was not changed." error={error} />}
        <div className="row">
          <button
            type="submit"
            className="button"
            disabled={working || alias === '' || current === saved.version}
          >
            Point it to version {saved.version}
          </button>
          {current !== undefined && (
            <button type="button" className="button danger" disabled={working} onClick={() => void remove()}>
              Delete alias
            </button>
          )}
        </div>
      </div>
    </form>
  );
}
