import { useDeferredValue, useMemo, useRef } from 'react';
import { outlineOf, type WorkflowOutline } from '@cloutagent/contract';
import { lineAndColumn, readJson } from './json-source.js';
import { checkRequest, type Problem } from './request-check.js';
import type { PlacedProblem } from './problem-list.js';

export interface CheckedRequest {
  /** The text that this is about; it lags behind while one types. */
  text: string;
  /** undefined while the text is not JSON. */
  value: unknown;
  problems: PlacedProblem[];
  /** Of the last text that had a workflow to draw. */
  outline: WorkflowOutline | null;
  /** Whether the outline is that of this text. */
  current: boolean;
  place: (problems: readonly Problem[]) => PlacedProblem[];
}

/** Reads and checks what is in the editor. */
export function useRequest(given: string): CheckedRequest {
  const text = useDeferredValue(given);
  const drawn = useRef<WorkflowOutline | null>(null);
  return useMemo(() => {
    const source = readJson(text);
    if (!source.ok) {
      const range = { start: source.at, end: Math.min(source.at + 1, text.length) };
      const problem = { path: '', message: source.message, line: lineAndColumn(text, source.at).line, range };
      return {
        text,
        value: undefined,
        problems: [problem],
        outline: drawn.current,
        current: false,
        place: () => [],
      };
    }
    const place = (problems: readonly Problem[]) =>
      problems.map((problem) => {
        const range = source.rangeOf(problem.path);
        return { ...problem, range, line: lineAndColumn(text, range.start).line };
      });
    const { problems, workflow } = checkRequest(source.value);
    if (workflow) drawn.current = outlineOf(workflow);
    return {
      text,
      value: source.value,
      problems: place(problems),
      outline: drawn.current,
      current: workflow !== null,
      place,
    };
  }, [text]);
}
