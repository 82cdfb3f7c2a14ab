import { type ReactNode, useState } from 'react';
import type { WaitFormProps } from './wait-form-props.js';
import { AnswerButton } from './answer-button.js';
import { CommentField } from './comment-field.js';

/** Approves or denies the call of a tool. */
export function ToolForm({ locked, send }: WaitFormProps): ReactNode {
  const [reason, setReason] = useState('');
  const withReason = { ...(reason.trim() && { reason: reason.trim() }) };
  return (
    <div className="ca-answer">
      <CommentField label="Reason" value={reason} onChange={setReason} />
      <div className="ca-controls">
        <AnswerButton
          tone="primary"
          locked={locked}
          onClick={() => send({ action: 'approve', ...withReason })}
        >
          Approve
        </AnswerButton>
        <AnswerButton tone="danger" locked={locked} onClick={() => send({ action: 'deny', ...withReason })}>
          Deny
        </AnswerButton>
      </div>
    </div>
  );
}
