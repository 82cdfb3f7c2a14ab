import { type ReactNode, useEffect, useState } from 'react';

interface CopyButtonProps {
  /** The copied thing, for the button's accessible name: "Copy output of writer". */
  what: string;
  text: () => string;
}

/** How long the button shows the outcome, in ms. */
const OUTCOME_MS = 2_000;

/** Copies the complete text, also the parts that are not mounted. */
export function CopyButton({ what, text }: CopyButtonProps): ReactNode {
  const [outcome, setOutcome] = useState<'Copied' | 'Not copied'>();
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(undefined), OUTCOME_MS);
    return () => clearTimeout(timer);
  }, [outcome]);

  const copy = async (): Promise<void> => {
    try {
      await writeClipboard(text());
      setOutcome('Copied');
    } catch {
      setOutcome('Not copied');
    }
  };
  return (
    <button
      type="button"
      className="ca-button ca-small"
      aria-label={`${outcome ?? 'Copy'} ${what}`}
      onClick={() => void copy()}
    >
      <span role="status">{outcome ?? 'Copy'}</span>
    </button>
  );
}

async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // A page without HTTPS has no clipboard API.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('The browser refused to copy.');
}
