import { CloutAgentError, type StartExecutionInput } from '@cloutagent/client';
import { useId, useRef, useState } from 'react';
import { PageTitle } from '../app/page-title.js';
import { WorkflowView } from '../graph/workflow-view.js';
import { navigate } from '../routing/location.js';
import { useCloutAgent } from '@cloutagent/react';
import { ProblemNotice } from '../ui/problem-notice.js';
import { randomKey } from '../ui/random-key.js';
import { useAccess } from '../session/access.js';
import { useDraft } from './draft.js';
import { JsonEditor } from './json-editor.js';
import type { Range } from './json-source.js';
import { type PlacedProblem, ProblemList } from './problem-list.js';
import { SavedWorkflows } from './saved-workflows.js';
import './start.css';
import { TEMPLATES } from './templates.js';
import { useRequest } from './use-request.js';

export function StartPage() {
  const api = useCloutAgent();
  const { may } = useAccess();
  const { text, template, replaced, edit, applyTemplate } = useDraft();
  const [starting, setStarting] = useState(false);
  const [failure, setFailure] = useState<{ error: Error; text: string; problems: PlacedProblem[] } | null>(
    null,
  );
  const request = useRequest(text);
  const editor = useRef<HTMLTextAreaElement>(null);
  /** If the same text is sent again, the same key prevents a second execution. */
  const attempt = useRef({ text: '', key: '' });
  const id = useId();

  /** A failure is only shown with the text that it belongs to. */
  const current = failure?.text === text ? failure : null;
  const refused = current?.problems ?? [];
  const problems = request.problems.length > 0 ? request.problems : refused;

  const pick = ({ start, end }: Range) => {
    editor.current?.focus();
    editor.current?.setSelectionRange(start, end);
    const line = text.slice(0, start).split('\n').length;
    if (editor.current) editor.current.scrollTop = Math.max(0, (line - 5) * 19);
  };
  const start = async () => {
    setStarting(true);
    setFailure(null);
    if (attempt.current.text !== text) attempt.current = { text, key: randomKey() };
    try {
      const { id: executionId } = await api.executions.start(request.value as StartExecutionInput, {
        idempotencyKey: attempt.current.key,
      });
      navigate(`/executions/${executionId}`);
    } catch (error) {
      const errors = error instanceof CloutAgentError ? (error.problem?.errors ?? []) : [];
      setFailure({ error: error as Error, text, problems: request.place(errors) });
      setStarting(false);
    }
  };

  return (
    <>
      <div className="page-head">
        <PageTitle title="Start an execution" />
        <button
          type="button"
          className="button primary"
          disabled={starting || request.problems.length > 0 || request.text !== text}
          onClick={() => void start()}
        >
          {starting ? 'Starting…' : 'Start'}
        </button>
      </div>
      <fieldset className="templates">
        <legend className="label">Templates</legend>
        {TEMPLATES.map((one) => (
          <label key={one.name} className="template card">
            <input
              type="radio"
              name={id}
              checked={template === one.name}
              onChange={() => applyTemplate(one)}
            />
            <span>
              <strong>{one.name}</strong>
              <span className="muted">{one.about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {may('workflows:read') && <SavedWorkflows />}
      {replaced !== null && (
        <div className="notice row" role="status">
          The template has replaced your text.
          <button type="button" className="button" onClick={() => edit(replaced)}>
            Restore my text
          </button>
        </div>
      )}
      {current && refused.length === 0 && (
        <ProblemNotice what="The execution was not started." error={current.error} />
      )}
      <div className="start-columns">
        <section className="card" aria-labelledby={`${id}-request`}>
          <div className="card-head">
            <h2 id={`${id}-request`}>Request</h2>
            <button
              type="button"
              className="button quiet"
              disabled={request.value === undefined}
              onClick={() => edit(JSON.stringify(request.value, null, 2))}
            >
              Format
            </button>
          </div>
          <JsonEditor
            ref={editor}
            text={text}
            onChange={edit}
            marks={request.text === text ? problems.map(({ range }) => range.start) : []}
            describedBy={`${id}-problems`}
          />
          <div id={`${id}-problems`} className="card-body" aria-live="polite">
            {problems.length > 0 ? (
              <ProblemList problems={problems} fromServer={request.problems.length === 0} onPick={pick} />
            ) : (
              <p className="muted">Valid JSON. Node configs and models are checked when you start.</p>
            )}
          </div>
        </section>
        <section className="card" aria-labelledby={`${id}-preview`}>
          <div className="card-head">
            <h2 id={`${id}-preview`}>Preview</h2>
            {!request.current && request.outline && <span className="muted">of the last valid request</span>}
          </div>
          <div className="preview">
            {request.outline ? (
              <WorkflowView outline={request.outline} />
            ) : (
              <p className="empty muted">Correct the request to see its graph.</p>
            )}
          </div>
        </section>
      </div>
    </>
  );
}
