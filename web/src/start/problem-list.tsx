import { visibleText } from '@cloutagent/react';
import { counted } from '../ui/quantity.js';
import type { Range } from './json-source.js';

/** A problem with its position in the text. */
export interface PlacedProblem {
  path: string;
  message: string;
  line: number;
  range: Range;
}

/** Lists the problems. A click on a problem selects its position in the text. */
export function ProblemList({
  problems,
  fromServer,
  onPick,
}: {
  problems: readonly PlacedProblem[];
  /** Whether the server found them. */
  fromServer: boolean;
  onPick: (range: Range) => void;
}) {
  return (
    <div className="notice error">
      <strong>
        {fromServer ? 'The server found' : problems.length === 1 ? 'There is' : 'There are'}{' '}
        {problems.length === 1 ? 'one problem' : counted(problems.length, 'problem')} to correct
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
