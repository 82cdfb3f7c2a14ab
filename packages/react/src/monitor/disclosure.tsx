import { type ReactNode, useState } from 'react';

interface DisclosureProps {
  summary: ReactNode;
  className?: string;
  /** Whether it is open until the user opens or closes it. */
  open?: boolean;
  children: () => ReactNode;
}

/** A collapsible part. Its content is mounted only while it is open. */
export function Disclosure({ summary, className = '', open = false, children }: DisclosureProps): ReactNode {
  const [chosen, choose] = useState<boolean>();
  const isOpen = chosen ?? open;
  return (
    <details
      className={`ca-disclosure ${className}`}
      open={isOpen}
      onToggle={(event) => {
        // The event also fires when the `open` property changes, which is not the user's choice.
        if (event.currentTarget.open !== isOpen) choose(event.currentTarget.open);
      }}
    >
      <summary className="ca-summary">{summary}</summary>
      {isOpen && children()}
    </details>
  );
}
