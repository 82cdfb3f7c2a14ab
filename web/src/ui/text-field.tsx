import { type InputHTMLAttributes, type RefObject, useId } from 'react';
import { Field } from './field.js';

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement>, 'id' | 'onChange'> {
  label: string;
  hint: string;
  /** What is wrong with the value. It replaces the hint. */
  problem?: string | undefined;
  /** Shows the text in a monospaced font. */
  isCode?: boolean;
  onType?: (text: string) => void;
  ref?: RefObject<HTMLInputElement | null>;
}

/** A field of one line of text. Give `value` and `onType`, or `ref` to leave the value in the element alone. */
export function TextField({ label, hint, problem, isCode = false, onType, ...input }: Props) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint} problem={problem}>
      <input
        autoComplete="off"
        spellCheck={false}
        {...input}
        id={id}
        className={isCode ? 'input mono' : 'input'}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        {...(onType && { onChange: (event) => onType(event.target.value) })}
      />
    </Field>
  );
}
