import { useDeferredValue, useMemo, useRef } from 'react';
import { outlineOf, type WorkflowOutline } from '@cloutagent/contract';
import { lineAndColumn, readJson } from './json-source.js';
import { checkRequest, type Problem } from './request-check.js';
import type { PlacedProblem } from './problem-list.js';

export interface CheckedRequest {
  /** The text that was checked. While the user types it can be older than the editor's text. */
  text: string;
  /** undefined while the text is not JSON. */
  value: unknown;
  problems: PlacedProblem[];
  /** The workflow of the last valid request; null if there was none. */
  outline: WorkflowOutline | null;
  /** Whether `outline` belongs to `text`. */
  current: boolean;
  place: (problems: readonly Problem[]) => PlacedProblem[];
}

/** Parses and checks the text of the editor. */
export function useRequest(editorText: string): CheckedRequest {
  const text = useDeferredValue(editorText);
  const lastOutline = useRef<WorkflowOutline | null>(null);
  return useMemo(() => {
    const source = readJson(text);
    if (!source.ok) {
      const range = { start: source.at, end: Math.min(source.at + 1, text.length) };
      const problem = { path: '', message: source.message, line: lineAndColumn(text, source.at).line, range };
      return {
        text,
        value: undefined,
        problems: [problem],
        outline: lastOutline.current,
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
    if (workflow) lastOutline.current = outlineOf(workflow);
    return {
      text,
      value: source.value,
      problems: place(problems),
      outline: lastOutline.current,
      current: workflow !== null,
      place,
    };
  }, [text]);
}
