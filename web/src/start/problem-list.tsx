import { visibleText } from '@cloutagent/react';
import type { Range } from './json-source.js';

/** A problem with its place in the text. */
export interface PlacedProblem {
  path: string;
  message: string;
  line: number;
  range: Range;
}

/** What is to be corrected; each leads to its place in the text. */
export function ProblemList({
  problems,
  from,
  onPick,
}: {
  problems: readonly PlacedProblem[];
  from: string;
  onPick: (range: Range) => void;
}) {
  return (
    <div className="notice error">
      <strong>
        {from} {problems.length === 1 ? 'one thing' : `${problems.length} things`} to correct
      </strong>
      <ul className="problem-list">
        {problems.map(({ path, message, line, range }, index) => (
          <li key={index}>
            <button type="button" onClick={() => onPick(range)}>
              <span className="muted">line {line}</span> {path !== '' && <code>{visibleText(path)}</code>}{' '}
              {visibleText(message)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
