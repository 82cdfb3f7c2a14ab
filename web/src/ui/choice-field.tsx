import { useId } from 'react';
import { Field } from './field.js';

interface Props<Value extends string> {
  label: string;
  hint: string;
  problem?: string | undefined;
  value: Value;
  /** The values with their names, in order. */
  choices: readonly (readonly [value: Value, name: string])[];
  onChoose: (value: Value) => void;
}

/** A field with a fixed choice of values. */
export function ChoiceField<Value extends string>({
  label,
  hint,
  problem,
  value,
  choices,
  onChoose,
}: Props<Value>) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint} problem={problem}>
      <select
        id={id}
        className="input"
        value={value}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChoose(event.target.value as Value)}
      >
        {choices.map(([one, name]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
      </select>
    </Field>
  );
}
