import { useEffect, useId, useState } from 'react';

/** Time without typing after which a filter is applied, in ms. */
const TYPING_MS = 300;

interface TextFilterProps {
  label: string;
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
}

/** A text field of a filter. It applies the filter when the user pauses typing. */
export function TextFilter({ label, value, problem, onChange }: TextFilterProps) {
  const [typed, setTyped] = useState(value);
  const id = useId();
  // The address can also change without typing: by Clear, or by going back.
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => onChange(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        value={typed}
        placeholder="any"
        autoComplete="off"
        spellCheck={false}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-wrong`}
        onChange={(event) => setTyped(event.target.value)}
      />
      <span className="wrong" id={`${id}-wrong`} role="alert">
        {problem}
      </span>
    </div>
  );
}
