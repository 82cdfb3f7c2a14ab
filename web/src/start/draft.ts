import { useEffect, useState } from 'react';
import { readTab, writeTab } from '../session/tab-storage.js';
import { TEMPLATES, type Template } from './templates.js';

interface Draft {
  text: string;
  /** Name of the template, if the text is an unchanged template. */
  template: string | null;
  /** The text that a template has replaced. */
  replaced: string | null;
}

const NAME = 'draft';
const [firstTemplate] = TEMPLATES as [Template];
const INITIAL: Draft = { text: firstTemplate.text, template: firstTemplate.name, replaced: null };

function stored(): Draft {
  try {
    const { text, template = null, replaced = null } = JSON.parse(readTab(NAME) ?? '{}') as Partial<Draft>;
    return text === undefined ? INITIAL : { text, template, replaced };
  } catch {
    return INITIAL;
  }
}

/** Returns the text of the editor. The tab stores it, so that it survives leaving the page. */
export function useDraft() {
  const [draft, setDraft] = useState(stored);
  useEffect(() => writeTab(NAME, draft === INITIAL ? null : JSON.stringify(draft)), [draft]);
  return {
    ...draft,
    edit: (text: string) => setDraft({ text, template: null, replaced: null }),
    applyTemplate: ({ name, text }: Template) =>
      setDraft((current) => ({
        text,
        template: name,
        replaced: current.template === null ? current.text : current.replaced,
      })),
  };
}
