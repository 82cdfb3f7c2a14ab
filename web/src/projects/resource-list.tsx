import type { ReactNode } from 'react';
import type { Loaded } from '../session/use-load.js';
import { EmptyState } from '../ui/empty-state.js';
import { ProblemNotice } from '../ui/problem-notice.js';
import { loadFailure } from './load-failure.js';

export interface Column<Item> {
  heading: string;
  render: (item: Item) => ReactNode;
  /** Takes the whole width of a card on a narrow screen. */
  wide?: boolean;
  /** A column of buttons: its heading is only for screen readers. */
  isActions?: boolean;
}

interface Props<Item> {
  heading: string;
  list: Pick<Loaded<unknown>, 'error' | 'loading' | 'reload'>;
  items: readonly Item[] | undefined;
  keyOf: (item: Item) => string;
  columns: readonly Column<Item>[];
  /** What there is to know while the list is empty. */
  empty: ReactNode;
  /** Buttons beside the heading. */
  actions?: ReactNode;
}

/** A list of things of a project, as a table that folds to cards on a narrow screen. */
export function ResourceList<Item>({ heading, list, items, keyOf, columns, empty, actions }: Props<Item>) {
  const { error, loading, reload } = list;
  return (
    <section className="card" aria-label={heading}>
      <div className="card-head">
        <h2>{heading}</h2>
        {actions}
      </div>
      {error && (
        <div className="card-body">
          <ProblemNotice
            what={loadFailure(
              error,
              'Your key has no access to this project.',
              'The list could not be loaded.',
            )}
            error={error}
            onRetry={reload}
          />
        </div>
      )}
      {!items && loading && <p className="muted card-body">Loading…</p>}
      {items?.length === 0 && <EmptyState title={`No ${heading.toLowerCase()} yet`}>{empty}</EmptyState>}
      {items && items.length > 0 && (
        <div className="table-frame">
          <table className="table folds">
            <thead>
              <tr>
                {columns.map(({ heading: name, isActions }) => (
                  <th key={name} scope="col">
                    {isActions ? <span className="visually-hidden">{name}</span> : name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <tr key={keyOf(item)}>
                  {columns.map(({ heading: name, render, wide, isActions }) => (
                    <td
                      key={name}
                      className={isActions ? 'end wide' : wide ? 'wide' : undefined}
                      data-label={isActions ? undefined : name}
                    >
                      {render(item)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
