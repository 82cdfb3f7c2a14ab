import { visibleText } from '@cloutagent/react';
import { counted } from '../ui/quantity.js';
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
  ofServer,
  onPick,
}: {
  problems: readonly PlacedProblem[];
  /** Whether the server found them. */
  ofServer: boolean;
  onPick: (range: Range) => void;
}) {
  return (
    <div className="notice error">
      <strong>
        {ofServer ? 'The server found' : problems.length === 1 ? 'There is' : 'There are'}{' '}
        {problems.length === 1 ? 'one thing' : counted(problems.length, 'thing')} to correct
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
