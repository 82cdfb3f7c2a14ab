import { createContext, type MouseEvent, type ReactNode, useContext } from 'react';
import { useExecutions } from '../use-executions.js';
import { Disclosure } from './disclosure.js';
import { formatDuration } from './format.js';
import { StatusBadge } from './status-badge.js';
import { visibleText } from './visible-text.js';

/** How the page of an execution is reached. Without it, executions are shown without links. */
export interface ExecutionLinks {
  /** Returns the address of an execution's page. */
  readonly href: (executionId: string) => string;
  /** Opens the page, for applications with their own routing. Default: the browser follows the link. */
  readonly open?: ((executionId: string) => void) | undefined;
}

export const Links = createContext<ExecutionLinks | undefined>(undefined);

/** The id of an execution, as a link if the application has given addresses. */
export function ExecutionLink({ executionId }: { executionId: string }): ReactNode {
  const links = useContext(Links);
  const name = <bdi>{executionId}</bdi>;
  if (!links) return <span className="ca-id">{name}</span>;
  const open = (event: MouseEvent): void => {
    const isPlain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!links.open || !isPlain) return;
    event.preventDefault();
    links.open(executionId);
  };
  return (
    <a className="ca-id ca-link" href={links.href(executionId)} onClick={open}>
      {name}
    </a>
  );
}

interface ChildListProps {
  executionId: string;
  /** The root of the tree; undefined if this execution is the root. */
  rootId?: string | undefined;
}

/** Lists the child executions of an execution. They are loaded when the list is opened. */
export function ChildList(props: ChildListProps): ReactNode {
  return (
    <Disclosure summary="Child executions" className="ca-children">
      {() => <Children {...props} />}
    </Disclosure>
  );
}

/** Children per page. */
const PAGE_SIZE = 50;

function Children({ executionId, rootId }: ChildListProps): ReactNode {
  const list = useExecutions({ parentId: executionId, rootId, limit: PAGE_SIZE });
  const { executions, loading, error, hasMore } = list;
  if (error && executions.length === 0)
    return (
      <p className="ca-error" role="alert">
        <bdi>{visibleText(error.message)}</bdi>
      </p>
    );
  if (executions.length === 0) return <p className="ca-note">{loading ? 'Loading…' : 'None yet'}</p>;
  return (
    <>
      <ol className="ca-list">
        {executions.map(({ id, status, parent, duration }) => (
          <li key={id} className="ca-child">
            <StatusBadge status={status} />
            {parent && (
              <span className="ca-note">
                <bdi>{parent.nodeId}</bdi> {parent.index}
              </span>
            )}
            <ExecutionLink executionId={id} />
            {duration !== undefined && <span className="ca-step-time">{formatDuration(duration)}</span>}
          </li>
        ))}
      </ol>
      {hasMore && (
        <button
          type="button"
          className="ca-button ca-more"
          aria-disabled={list.loadingMore || undefined}
          onClick={() => void list.loadMore()}
        >
          Show more
        </button>
      )}
    </>
  );
}
