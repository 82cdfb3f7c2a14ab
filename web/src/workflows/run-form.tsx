import type { SavedWorkflow } from '@cloutagent/client/admin';
import type { Json } from '@cloutagent/contract';
import { SchemaForm, useStartExecution } from '@cloutagent/react';
import '@cloutagent/react/styles.css';
import { type FormEvent, useEffect, useId, useState } from 'react';
import { fieldOf } from '../projects/field-problems.js';
import { FormFailure } from '../projects/form-failure.js';
import { parseTyped } from '../projects/json-text.js';
import { navigate } from '../routing/location.js';
import '../styles/monitor.css';
import { CodeField } from '../ui/code-field.js';

/** The form made from the schema shows the problems of this field alone. */
const INPUT: ReadonlySet<string> = new Set(['input']);

interface Props {
  project: string;
  name: string;
  saved: SavedWorkflow;
}

/** Runs the version that the page shows: with a form made from its input schema, or with an input as JSON. */
export function RunForm({ project, name, saved }: Props) {
  const { start, pending, executionId, error } = useStartExecution();
  const { inputSchema, version } = saved;
  const [asJson, setAsJson] = useState(inputSchema === null);
  const [text, setText] = useState('');
  const id = useId();
  useEffect(() => {
    if (executionId !== undefined) navigate(`/executions/${executionId}`);
  }, [executionId]);
  const run = (input: Json) => void start({ projectId: project, workflowRef: `${name}@${version}`, input });
  const problems = error?.problem?.errors ?? [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(parseTyped(text));
  };
  return (
    <section className="card" aria-labelledby={`${id}-run`}>
      <div className="card-head">
        <h2 id={`${id}-run`}>Run</h2>
        {inputSchema !== null && (
          <button type="button" className="button quiet" onClick={() => setAsJson(!asJson)}>
            {asJson ? 'Use the form' : 'Write JSON'}
          </button>
        )}
      </div>
      <div className="card-body stack">
        {error && (
          <FormFailure
            what="The execution was not started."
            error={error}
            marked={asJson ? new Set(problems.map(fieldOf)) : INPUT}
          />
        )}
        {!asJson ? (
          <SchemaForm
            schema={inputSchema}
            title="Input"
            submitLabel={`Run version ${version}`}
            disabled={pending}
            problems={problems}
            below="input"
            onSubmit={run}
          />
        ) : (
          <form className="stack" onSubmit={submit}>
            <CodeField
              label="Input"
              hint="JSON. A text that is not JSON is the input itself. Empty: null"
              problem={problems.map(({ path, message }) => `${path}: ${message}`).join(' ') || undefined}
              value={text}
              onType={setText}
              rows={8}
            />
            <div>
              <button type="submit" className="button primary" disabled={pending}>
                Run version {version}
              </button>
            </div>
          </form>
        )}
      </div>
    </section>
  );
}
