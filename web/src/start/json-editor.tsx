import { type Ref, useRef } from 'react';
import { lineAndColumn } from './json-source.js';

interface Props {
  text: string;
  onChange: (text: string) => void;
  /** Offsets of problems in the text. */
  marks: readonly number[];
  describedBy: string;
  ref: Ref<HTMLTextAreaElement>;
}

/** A text field with line numbers. The Tab key moves to the next field, as in every other field. */
export function JsonEditor({ text, onChange, marks, describedBy, ref }: Props) {
  const gutter = useRef<HTMLDivElement>(null);
  const markedLines = new Set(marks.map((at) => lineAndColumn(text, at).line));
  const lines = text.split('\n').length;
  return (
    <div className="editor">
      <div className="editor-gutter" aria-hidden="true" ref={gutter}>
        {Array.from({ length: lines }, (_unused, index) => (
          <div key={index} className={markedLines.has(index + 1) ? 'wrong' : undefined}>
            {index + 1}
          </div>
        ))}
      </div>
      <textarea
        ref={ref}
        className="editor-text"
        aria-label="Request as JSON"
        aria-describedby={describedBy}
        aria-invalid={marks.length > 0}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        wrap="off"
        value={text}
        onChange={(event) => onChange(event.target.value)}
        onScroll={(event) => {
          if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}
