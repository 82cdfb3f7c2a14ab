import { useEffect, useId, useState } from 'react';
import { navigate } from '../routing/location.js';
import { StatusIcon } from '../ui/status-icon.js';
import { addressOf, type ExecutionFilter, isEmpty, problemsOf, STATUSES } from './execution-filter.js';

/** Time without typing after which a filter is applied, in ms. */
const TYPING_MS = 300;

/** The fields of the filter. The filter itself is in the address; this component only changes the address. */
export function FilterBar({ filter }: { filter: ExecutionFilter }) {
  const change = (part: Partial<ExecutionFilter>) =>
    navigate(addressOf({ ...filter, ...part }), { replace: true });
  const { status } = filter;
  const problems = problemsOf(filter);
  return (
    <div className="filter-bar" role="search" aria-label="Filter executions">
      <TextFilter
        label="Project"
        value={filter.project}
        problem={problems.project}
        onChange={(project) => change({ project })}
      />
      <TextFilter label="Tag" value={filter.tag} problem={problems.tag} onChange={(tag) => change({ tag })} />
      <fieldset className="status-filter">
        <legend className="label">Status</legend>
        <div className="row">
          {STATUSES.map((one) => (
            <button
              key={one}
              type="button"
              className="status-choice"
              data-status={one}
              aria-pressed={status.includes(one)}
              onClick={() =>
                change({
                  status: status.includes(one) ? status.filter((other) => other !== one) : [...status, one],
                })
              }
            >
              <StatusIcon status={one} />
              {one}
            </button>
          ))}
        </div>
      </fieldset>
      {!isEmpty(filter) && (
        <button
          type="button"
          className="button quiet"
          onClick={() => change({ project: '', status: [], tag: '' })}
        >
          Clear
        </button>
      )}
    </div>
  );
}

interface TextFilterProps {
  label: string;
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
}

function TextFilter({ label, value, problem, onChange }: TextFilterProps) {
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
