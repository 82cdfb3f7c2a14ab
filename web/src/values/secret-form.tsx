import type { Secret } from '@cloutagent/client/admin';
import { type FormEvent, useId, useRef, useState } from 'react';
import { fieldProblems } from '../projects/field-problems.js';
import { useAction } from '../projects/use-action.js';
import { useAdmin } from '../projects/use-admin.js';
import { Field } from '../ui/field.js';
import { ProblemNotice } from '../ui/problem-notice.js';

interface Props {
  project: string;
  /** The secret to set again; undefined for a new one. */
  secret: Secret | undefined;
  onDone: () => void;
  onCancel: () => void;
}

/** Sets a secret. The value is only in the input itself, never in the state of the page, and is gone once it is sent. */
export function SecretForm({ project, secret, onDone, onCancel }: Props) {
  const admin = useAdmin();
  const { working, error, run } = useAction();
  const [name, setName] = useState(secret?.name ?? '');
  const [hosts, setHosts] = useState(secret?.allowedHosts?.join(', ') ?? '');
  const value = useRef<HTMLInputElement>(null);
  const id = useId();
  const problemOf = fieldProblems(error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const input = value.current!;
    const allowedHosts = hosts
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean);
    const sent = admin.secrets.set(project, name.trim(), {
      value: input.value,
      ...(allowedHosts.length > 0 && { allowedHosts }),
    });
    input.value = '';
    void run(() => sent).then((done) => (done ? onDone() : input.focus()));
  };
  return (
    <form className="card card-body stack" onSubmit={submit} aria-label="Set a secret" autoComplete="off">
      <div className="project-fields">
        <Field id={`${id}-name`} label="Name" hint="Letters, digits and _, such as CRM_TOKEN">
          <input
            id={`${id}-name`}
            className="input mono"
            value={name}
            maxLength={64}
            required
            pattern="[A-Za-z_][A-Za-z0-9_]*"
            readOnly={secret !== undefined}
            autoFocus={secret === undefined}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setName(event.target.value)}
            aria-describedby={`${id}-name-hint`}
          />
        </Field>
        <Field
          id={`${id}-value`}
          label="Value"
          hint="At least 8 characters. It is not shown again"
          problem={problemOf('value')}
        >
          <input
            id={`${id}-value`}
            ref={value}
            className="input mono"
            type="password"
            required
            minLength={8}
            autoFocus={secret !== undefined}
            autoComplete="new-password"
            spellCheck={false}
            aria-describedby={`${id}-value-hint`}
          />
        </Field>
        <Field
          id={`${id}-hosts`}
          label="Allowed hosts"
          hint="The only hosts to which it may be sent, comma-separated. Empty: any"
          problem={problemOf('allowedHosts')}
        >
          <input
            id={`${id}-hosts`}
            className="input"
            value={hosts}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setHosts(event.target.value)}
            aria-describedby={`${id}-hosts-hint`}
          />
        </Field>
      </div>
      {error && <ProblemNotice what="The secret was not set. Type its value again." error={error} />}
      <div className="row">
        <button type="submit" className="button primary" disabled={working}>
          Set secret
        </button>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
