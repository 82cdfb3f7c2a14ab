import { type FormEvent, type ReactNode } from 'react';
import { FormView } from '../../form/form-view.js';
import { problemsBelow } from '../../form/form-values.js';
import { useForm } from '../../form/use-form.js';
import { Disclosure } from '../disclosure.js';
import type { WaitFormProps } from './wait-form-props.js';
import { AnswerButton } from './answer-button.js';

/** Lets a person send the signal in place of the other system. */
export function SignalForm(props: WaitFormProps): ReactNode {
  return <Disclosure summary="Send the signal yourself">{() => <BodyForm {...props} />}</Disclosure>;
}

function BodyForm({ wait, error, locked, send }: WaitFormProps): ReactNode {
  const form = useForm(wait.schema, 'Body', problemsBelow(error?.problem?.errors ?? [], 'body'));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const read = form.read();
    if (read) send({ body: read.value ?? null });
  };
  return (
    <form className="ca-answer" noValidate onSubmit={submit}>
      <FormView {...form.view} />
      <div className="ca-controls">
        <AnswerButton submit tone="primary" locked={locked}>
          Send
        </AnswerButton>
      </div>
    </form>
  );
}
