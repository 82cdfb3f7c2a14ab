import type { ReactNode } from 'react';

interface FieldProps {
  id: string;
  label: string;
  hint: string;
  problem?: string | undefined;
  children: ReactNode;
}

/** A field of a form with its label, and a hint that a problem replaces. The element has the given id. */
export function Field({ id, label, hint, problem, children }: FieldProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      <span className="hint" id={`${id}-hint`}>
        {problem === undefined ? hint : <span className="wrong-text">{problem}</span>}
      </span>
    </div>
  );
}
