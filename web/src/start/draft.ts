import { useEffect, useState } from 'react';
import { readTab, writeTab } from '../session/tab-storage.js';
import { TEMPLATES, type Template } from './templates.js';

interface Draft {
  text: string;
  /** The template that the text is, unchanged. */
  template: string | null;
  /** What was in the editor before a template took its place. */
  replaced: string | null;
}

const NAME = 'draft';
const first = TEMPLATES[0]!;
const FIRST: Draft = { text: first.text, template: first.name, replaced: null };

function stored(): Draft {
  try {
    const { text, template = null, replaced = null } = JSON.parse(readTab(NAME) ?? '{}') as Partial<Draft>;
    return text === undefined ? FIRST : { text, template, replaced };
  } catch {
    return FIRST;
  }
}

/** What is being written; the tab keeps it, so that leaving the page loses nothing. */
export function useDraft() {
  const [draft, setDraft] = useState(stored);
  useEffect(() => writeTab(NAME, draft === FIRST ? null : JSON.stringify(draft)), [draft]);
  return {
    ...draft,
    edit: (text: string) => setDraft({ text, template: null, replaced: null }),
    take: ({ name, text }: Template) =>
      setDraft((before) => ({
        text,
        template: name,
        replaced: before.template === null ? before.text : before.replaced,
      })),
  };
}
