import type { Json } from '@cloutagent/contract';
import type { FormEvent, ReactNode } from 'react';
import { AnswerButton } from '../monitor/wait-forms/answer-button.js';
import { problemsBelow } from './form-values.js';
import { FormView } from './form-view.js';
import { useForm } from './use-form.js';

export interface SchemaFormProps {
  /** A JSON Schema. What a form cannot express is written as JSON. */
  schema: unknown;
  /** Label of a form of a single value. */
  title: string;
  submitLabel: string;
  disabled?: boolean | undefined;
  /** Problems that the server has found, such as `error.problem.errors`. */
  problems?: readonly { path: string; message: string }[] | undefined;
  /** The path of the value in `problems`, such as `input`. */
  below: string;
  /** Called with the value of a form without problems. */
  onSubmit: (value: Json) => void;
}

/** A form made from a JSON Schema, such as the input schema of a saved workflow. */
export function SchemaForm(props: SchemaFormProps): ReactNode {
  const { schema, title, submitLabel, disabled = false, problems = [], below, onSubmit } = props;
  const form = useForm(schema, title, problemsBelow(problems, below));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const read = disabled ? undefined : form.read();
    if (read) onSubmit(read.value ?? null);
  };
  return (
    <div className="ca-monitor">
      <form className="ca-answer" noValidate onSubmit={submit}>
        <FormView {...form.view} />
        <div className="ca-controls">
          <AnswerButton submit tone="primary" locked={disabled}>
            {submitLabel}
          </AnswerButton>
        </div>
      </form>
    </div>
  );
}
