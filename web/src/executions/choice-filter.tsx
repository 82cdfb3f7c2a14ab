import type { ReactNode } from 'react';

interface Props<Choice extends string> {
  label: string;
  choices: readonly Choice[];
  chosen: readonly Choice[];
  /** What the button of a choice shows. */
  labelOf: (choice: Choice) => ReactNode;
  /** The status whose colour a choice has. */
  statusOf: (choice: Choice) => string;
  onChange: (chosen: Choice[]) => void;
}

/** A filter of which any number of choices can be on. */
export function ChoiceFilter<Choice extends string>(props: Props<Choice>) {
  const { label, choices, chosen, labelOf, statusOf, onChange } = props;
  return (
    <fieldset className="status-filter">
      <legend className="label">{label}</legend>
      <div className="row">
        {choices.map((choice) => (
          <button
            key={choice}
            type="button"
            className="status-choice"
            data-status={statusOf(choice)}
            aria-pressed={chosen.includes(choice)}
            onClick={() =>
              onChange(chosen.includes(choice) ? chosen.filter((one) => one !== choice) : [...chosen, choice])
            }
          >
            {labelOf(choice)}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
