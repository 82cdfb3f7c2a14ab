import type { AnswerWait } from '@cloutagent/client';
import { type ReactNode, useId, useState } from 'react';
import { FormView } from '../../form/form-view.js';
import { problemsBelow } from '../../form/form-values.js';
import { useForm } from '../../form/use-form.js';
import type { WaitFormProps } from './wait-form-props.js';
import { AnswerButton } from './answer-button.js';
import { CommentField } from './comment-field.js';

/** Approves or denies the call of a tool. The arguments can be changed before. */
export function ToolForm({ wait, error, locked, send }: WaitFormProps): ReactNode {
  const [reason, setReason] = useState('');
  const [editing, setEditing] = useState(false);
  const serverProblems = problemsBelow(error?.problem?.errors ?? [], 'args');
  const form = useForm(undefined, 'Arguments (JSON)', serverProblems, wait.toolArgs ?? null);
  const id = useId();
  const withReason = { ...(reason.trim() && { reason: reason.trim() }) };
  const approve = (): void => {
    const args = changedArgs();
    if (args) send({ action: 'approve', ...args, ...withReason });
  };
  /** Returns the arguments if the user has changed them; undefined if they are not valid. */
  const changedArgs = (): Pick<AnswerWait, 'args'> | undefined => {
    if (!editing) return {};
    const read = form.read();
    if (!read) return undefined;
    const args = read.value ?? null;
    return JSON.stringify(args) === JSON.stringify(wait.toolArgs ?? null) ? {} : { args };
  };
  return (
    <div className="ca-answer">
      <button
        type="button"
        className="ca-button ca-small ca-more"
        aria-expanded={editing}
        aria-controls={id}
        onClick={() => setEditing(!editing)}
      >
        {editing ? 'Use the arguments of the model' : 'Change the arguments'}
      </button>
      <div id={id} hidden={!editing}>
        {editing && <FormView {...form.view} />}
      </div>
      <CommentField label="Reason" value={reason} onChange={setReason} />
      <div className="ca-controls">
        <AnswerButton tone="primary" locked={locked} onClick={approve}>
          {editing ? 'Approve with these arguments' : 'Approve'}
        </AnswerButton>
        <AnswerButton tone="danger" locked={locked} onClick={() => send({ action: 'deny', ...withReason })}>
          Deny
        </AnswerButton>
      </div>
      <p className="ca-note">If you deny, the tool is not called, and the model reads your reason.</p>
    </div>
  );
}
