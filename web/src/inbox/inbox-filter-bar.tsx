import { INBOX_KINDS, NAME_MAX_LENGTH } from '@cloutagent/contract';
import { TextFilter } from '../executions/text-filter.js';
import { navigate } from '../routing/location.js';
import { type InboxFilter, inboxAddressOf, isWrongProject, KIND_NAMES } from './inbox-filter.js';

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
        problem={
          isWrongProject(project)
            ? `A project id has up to ${NAME_MAX_LENGTH} letters, digits and . _ : - and starts with a letter or digit.`
            : undefined
        }
        onChange={(next) => change({ project: next })}
      />
      <fieldset className="status-filter">
        <legend className="label">Kind</legend>
        <div className="row">
          {INBOX_KINDS.map((kind) => (
            <button
              key={kind}
              type="button"
              className="status-choice"
              data-status="waiting"
              aria-pressed={kinds.includes(kind)}
              onClick={() =>
                change({
                  kinds: kinds.includes(kind) ? kinds.filter((one) => one !== kind) : [...kinds, kind],
                })
              }
            >
              {KIND_NAMES[kind]}
            </button>
          ))}
        </div>
      </fieldset>
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
