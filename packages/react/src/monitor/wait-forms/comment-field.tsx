import { type ReactNode, useId } from 'react';

interface CommentFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** A comment or a reason that is recorded with an answer, up to 2,000 characters. */
export function CommentField({ label, value, onChange }: CommentFieldProps): ReactNode {
  const id = useId();
  return (
    <div className="ca-field">
      <label htmlFor={id}>
        {label} <span className="ca-note">(optional)</span>
      </label>
      <textarea
        id={id}
        className="ca-input"
        rows={2}
        maxLength={2000}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}
