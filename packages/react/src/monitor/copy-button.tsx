import { type ReactNode, useEffect, useState } from 'react';

interface CopyButtonProps {
  /** What is copied, for the button's name: "Copy output of writer". */
  what: string;
  text: () => string;
}

const TOLD_MS = 2_000;

/** Copies the complete text, also what is folded away. */
export function CopyButton({ what, text }: CopyButtonProps): ReactNode {
  const [outcome, setOutcome] = useState<'Copied' | 'Not copied'>();
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(undefined), TOLD_MS);
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
      aria-label={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <span role="status">{outcome ?? 'Copy'}</span>
    </button>
  );
}

async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // A page without TLS has no clipboard API.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('The browser does not let this page copy.');
}
