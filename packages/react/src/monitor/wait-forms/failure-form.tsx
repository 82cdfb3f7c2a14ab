import { type FormEvent, type ReactNode, useState } from 'react';
import { FormView } from '../../form/form-view.js';
import { problemsBelow } from '../../form/form-values.js';
import { useForm } from '../../form/use-form.js';
import { Disclosure } from '../disclosure.js';
import type { WaitFormProps } from './wait-form-props.js';
import { AnswerButton } from './answer-button.js';
import { CommentField } from './comment-field.js';

/** Decides what follows a failure: another attempt, the failure of the node, or an output that a person gives. */
export function FailureForm(props: WaitFormProps): ReactNode {
  const { locked, send } = props;
  const [reason, setReason] = useState('');
  const withReason = { ...(reason.trim() && { reason: reason.trim() }) };
  return (
    <div className="ca-answer">
      <CommentField label="Reason" value={reason} onChange={setReason} />
      <div className="ca-controls">
        <AnswerButton tone="primary" locked={locked} onClick={() => send({ action: 'retry', ...withReason })}>
          Try again
        </AnswerButton>
        <AnswerButton tone="danger" locked={locked} onClick={() => send({ action: 'fail', ...withReason })}>
          Let it fail
        </AnswerButton>
      </div>
      <Disclosure summary="Give the output yourself">
        {() => <OutputForm {...props} send={(answer) => send({ ...answer, ...withReason })} />}
      </Disclosure>
    </div>
  );
}

function OutputForm({ error, locked, send }: WaitFormProps): ReactNode {
  const form = useForm(undefined, 'Output', problemsBelow(error?.problem?.errors ?? [], 'output'));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const read = form.read();
    if (read) send({ action: 'output', output: read.value ?? null });
  };
  return (
    <form className="ca-answer" noValidate onSubmit={submit}>
      <FormView {...form.view} />
      <div className="ca-controls">
        <AnswerButton submit locked={locked}>
          Use this output
        </AnswerButton>
      </div>
    </form>
  );
}
