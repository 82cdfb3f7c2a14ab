import type { SavedWorkflow } from '@cloutagent/client/admin';
import { type FormEvent, useId, useState } from 'react';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Field } from '../ui/field.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  project: string;
  name: string;
  saved: SavedWorkflow;
  onChanged: () => void;
}

/** Points an alias to the version that the page shows, or deletes one. */
export function AliasForm({ project, name, saved, onChanged }: Props) {
  const admin = useAdmin();
  const { working, error, run } = useAction();
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
    <form className="card card-body stack" onSubmit={submit} aria-label="Alias">
      <Field
        id={id}
        label="Alias"
        hint={current === undefined ? 'A new alias' : `It points to version ${current}`}
      >
        <input
          id={id}
          className="input"
          value={alias}
          required
          maxLength={64}
          pattern="[A-Za-z][A-Za-z0-9._\-]*"
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setAlias(event.target.value)}
          aria-describedby={`${id}-hint`}
        />
      </Field>
      {error && <ProblemNotice what="The alias was not changed." error={error} />}
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
    </form>
  );
}
