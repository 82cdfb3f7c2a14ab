import { navigate } from '../routing/location.js';
import { StatusIcon } from '../ui/status-icon.js';
import { ChoiceFilter } from './choice-filter.js';
import { addressOf, type ExecutionFilter, isEmpty, problemsOf, STATUSES } from './execution-filter.js';
import { TextFilter } from './text-filter.js';

const statusLabel = (status: (typeof STATUSES)[number]) => (
  <>
    <StatusIcon status={status} />
    {status}
  </>
);

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
      <ChoiceFilter
        label="Status"
        choices={STATUSES}
        chosen={status}
        labelOf={statusLabel}
        statusOf={(one) => one}
        onChange={(next) => change({ status: next })}
      />
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
