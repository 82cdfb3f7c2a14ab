import { type FormEvent, type ReactNode, useState } from 'react';
import { FormView } from '../../form/form-view.js';
import { problemsBelow } from '../../form/form-values.js';
import { useForm } from '../../form/use-form.js';
import type { WaitFormProps } from './wait-form-props.js';
import { AnswerButton } from './answer-button.js';
import { CommentField } from './comment-field.js';

/** The form of an approval: the fields of its schema, a comment, and buttons to approve and reject. */
export function ApprovalForm({ wait, error, locked, send }: WaitFormProps): ReactNode {
  const [comment, setComment] = useState('');
  const form = useForm(wait.schema, 'Value', problemsBelow(error?.problem?.errors ?? [], 'values'));
  const withComment = { ...(comment.trim() && { comment: comment.trim() }) };
  const approve = (event: FormEvent): void => {
    event.preventDefault();
    if (wait.schema === undefined) return send({ approved: true, ...withComment });
    const read = form.read();
    if (read)
      send({ approved: true, ...withComment, ...(read.value !== undefined && { values: read.value }) });
  };
  return (
    <form className="ca-answer" noValidate onSubmit={approve}>
      {wait.schema !== undefined && <FormView {...form.view} />}
      <CommentField label="Comment" value={comment} onChange={setComment} />
      <div className="ca-controls">
        <AnswerButton submit tone="primary" locked={locked}>
          Approve
        </AnswerButton>
        <AnswerButton tone="danger" locked={locked} onClick={() => send({ approved: false, ...withComment })}>
          Reject
        </AnswerButton>
      </div>
      <p className="ca-note">If you reject, the node fails, unless the workflow says otherwise.</p>
    </form>
  );
}
