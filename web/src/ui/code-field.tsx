import { type TextareaHTMLAttributes, useId } from 'react';
import { Field } from './field.js';

interface Props extends Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'id' | 'onChange'> {
  label: string;
  hint: string;
  /** What is wrong with the value. It replaces the hint. */
  problem?: string | undefined;
  onType: (text: string) => void;
}

/** A field of several lines of code, such as JSON. */
export function CodeField({ label, hint, problem, onType, ...textarea }: Props) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint} problem={problem}>
      <textarea
        rows={3}
        spellCheck={false}
        {...textarea}
        id={id}
        className="input mono"
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onType(event.target.value)}
      />
    </Field>
  );
}
