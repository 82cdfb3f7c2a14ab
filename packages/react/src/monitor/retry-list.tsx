import type { ReactNode } from 'react';
import type { ListView } from '../store/list-log.js';
import type { Retry } from '../store/snapshot.js';
import { Disclosure } from './disclosure.js';
import { formatCount, formatDuration } from './format.js';
import { TailList } from './tail-list.js';
import { visibleText } from './visible-text.js';

/** Lists the retries, each with its error. */
export function RetryList({ retries }: { retries: ListView<Retry> }): ReactNode {
  const count = retries.length + retries.dropped;
  if (count === 0) return null;
  return (
    <Disclosure summary={`Retries (${formatCount(count)})`}>
      {() => (
        <TailList entries={retries} dropped={retries.dropped}>
          {({ sequence, nodeId, attempt, delayMs, error }) => (
            <li key={sequence} className="ca-retry">
              <bdi className="ca-step-name">{nodeId}</bdi>: attempt {attempt} after {formatDuration(delayMs)}.{' '}
              <bdi>{visibleText(error)}</bdi>
            </li>
          )}
        </TailList>
      )}
    </Disclosure>
  );
}
