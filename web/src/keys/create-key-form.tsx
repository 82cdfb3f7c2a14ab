import { CloutAgentError, type CreatedApiKey } from '@cloutagent/client';
import { type FormEvent, useId, useState } from 'react';
import { useCloutAgent } from '@cloutagent/react';
import { type Scope, useAccess } from '../session/access.js';
import { Field } from '../ui/field.js';
import { ProblemNotice } from '../ui/problem-notice.js';

/** What the server's own scopes permit. Other scopes belong to modules, and are shown by their name. */
const SCOPES: [Scope, string][] = [
  ['executions:read', 'read executions and their streams'],
  ['executions:write', 'start executions'],
  ['executions:control', 'pause, resume, cancel, answer waits, send signals'],
  ['waits:answer-any', 'answer waits that are for others'],
  ['keys:manage', 'create and revoke keys'],
  ['listeners:manage', 'see durable listeners, and replay what could not be delivered'],
  ['workflows:read', 'read saved workflows and variables'],
  ['workflows:write', 'save workflows, set aliases and variables'],
  ['secrets:use', 'post and save workflows that use secrets'],
  ['secrets:manage', 'set and delete secrets'],
  ['webhooks:manage', 'make webhooks, and deliver again'],
  ['schedules:manage', 'make schedules'],
  ['triggers:manage', 'make triggers'],
];
const DAY_MS = 86_400_000;
const LIFETIMES: [days: number, name: string][] = [
  [0, 'Never'],
  [1, 'In a day'],
  [7, 'In 7 days'],
  [30, 'In 30 days'],
  [90, 'In 90 days'],
  [365, 'In a year'],
];

interface Props {
  onCreated: (key: CreatedApiKey) => void;
  onCancel: () => void;
}

export function CreateKeyForm({ onCreated, onCancel }: Props) {
  const api = useCloutAgent();
  const id = useId();
  const [name, setName] = useState('');
  const access = useAccess();
  const [projects, setProjects] = useState(access.projects.length === 1 ? access.projects[0]! : '');
  const [workflows, setWorkflows] = useState('');
  const [scopes, setScopes] = useState<readonly Scope[]>(['executions:read']);
  const [days, setDays] = useState(90);
  const [error, setError] = useState<Error | null>(null);
  const [working, setWorking] = useState(false);

  const listed = namesIn(projects);
  const onlyWorkflows = namesIn(workflows);
  const ready = name.trim() !== '' && listed.length > 0 && scopes.length > 0;
  const own = SCOPES.filter(([scope]) => access.may(scope));
  const ofModules = access.scopes.filter((scope) => !own.some(([known]) => known === scope));
  const choices = [...own, ...ofModules.map((scope): [Scope, string] => [scope, ''])];
  const fieldErrors = error instanceof CloutAgentError ? (error.problem?.errors ?? []) : [];
  const errorAt = (field: string) => fieldErrors.find(({ path }) => path.split('.')[0] === field)?.message;
  /** Sets a field, and clears the error because it belongs to the previous values. */
  const change = <T,>(set: (value: T) => void, value: T) => {
    set(value);
    setError(null);
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setWorking(true);
    setError(null);
    const expiresAt = days === 0 ? undefined : new Date(Date.now() + days * DAY_MS).toISOString();
    try {
      onCreated(
        await api.keys.create({
          name: name.trim(),
          projects: listed,
          scopes: [...scopes],
          ...(onlyWorkflows.length > 0 && { workflows: onlyWorkflows }),
          ...(expiresAt && { expiresAt }),
        }),
      );
    } catch (failure) {
      setError(failure as Error);
      setWorking(false);
    }
  };

  return (
    <form className="card card-body stack" onSubmit={(event) => void submit(event)} aria-label="New key">
      <div className="key-fields">
        <Field
          id={`${id}-name`}
          label="Name"
          hint="The purpose of the key, for example: nightly report"
          problem={errorAt('name')}
        >
          <input
            id={`${id}-name`}
            className="input"
            value={name}
            maxLength={100}
            autoFocus
            onChange={(event) => change(setName, event.target.value)}
            aria-describedby={`${id}-name-hint`}
          />
        </Field>
        <Field
          id={`${id}-projects`}
          label="Projects"
          hint={access.anyProject ? 'Comma-separated; * for all' : 'Comma-separated; only your own projects'}
          problem={errorAt('projects')}
        >
          <input
            id={`${id}-projects`}
            className="input"
            value={projects}
            onChange={(event) => change(setProjects, event.target.value)}
            aria-describedby={`${id}-projects-hint`}
          />
        </Field>
        <Field
          id={`${id}-workflows`}
          label="Starts only"
          hint="Saved workflows, comma-separated, such as report@production. Empty: all, and graphs"
          problem={errorAt('workflows')}
        >
          <input
            id={`${id}-workflows`}
            className="input"
            value={workflows}
            onChange={(event) => change(setWorkflows, event.target.value)}
            aria-describedby={`${id}-workflows-hint`}
          />
        </Field>
        <Field
          id={`${id}-expires`}
          label="Expires"
          hint="An expiry limits the damage if the key leaks"
          problem={errorAt('expiresAt')}
        >
          <select
            id={`${id}-expires`}
            className="input"
            value={days}
            onChange={(event) => change(setDays, Number(event.target.value))}
            aria-describedby={`${id}-expires-hint`}
          >
            {LIFETIMES.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <fieldset className="key-scope-choices">
        <legend className="label">Scopes</legend>
        {choices.map(([scope, what]) => (
          <label className="check" key={scope}>
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={({ target }) =>
                change(setScopes, target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))
              }
            />
            <span>
              <code>{scope}</code> <span className="muted">{what}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {error && fieldErrors.length === 0 && <ProblemNotice what="The key was not created." error={error} />}
      <div className="row">
        <button type="submit" className="button primary" disabled={!ready || working}>
          Create key
        </button>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** The names in a comma-separated list. */
const namesIn = (list: string): string[] =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
