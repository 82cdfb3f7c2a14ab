import { INBOX_KINDS } from '@cloutagent/contract';
import { ChoiceFilter } from '../executions/choice-filter.js';
import { projectProblem } from '../executions/execution-filter.js';
import { TextFilter } from '../executions/text-filter.js';
import { navigate } from '../routing/location.js';
import { type InboxFilter, inboxAddressOf, KIND_NAMES } from './inbox-filter.js';

/** The fields of the inbox's filter. The filter itself is in the address. */
export function InboxFilterBar({ filter }: { filter: InboxFilter }) {
  const change = (part: Partial<InboxFilter>) =>
    navigate(inboxAddressOf({ ...filter, ...part }), { replace: true });
  const { project, kinds, mine } = filter;
  return (
    <div className="filter-bar" role="search" aria-label="Filter the inbox">
      <TextFilter
        label="Project"
        value={project}
        problem={projectProblem(project)}
        onChange={(next) => change({ project: next })}
      />
      <ChoiceFilter
        label="Kind"
        choices={INBOX_KINDS}
        chosen={kinds}
        labelOf={(kind) => KIND_NAMES[kind]}
        statusOf={() => 'waiting'}
        onChange={(next) => change({ kinds: next })}
      />
      <fieldset className="status-filter">
        <legend className="label">For</legend>
        <button
          type="button"
          className="status-choice"
          data-status="waiting"
          aria-pressed={mine}
          onClick={() => change({ mine: !mine })}
        >
          me
        </button>
      </fieldset>
    </div>
  );
}
