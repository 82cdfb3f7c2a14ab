import { type ReactNode, useState } from 'react';

interface DisclosureProps {
  summary: ReactNode;
  className?: string;
  /** Whether it is open as long as nobody has opened or closed it. */
  open?: boolean;
  children: () => ReactNode;
}

/** A folded part. What is in it exists only while it is open. */
export function Disclosure({ summary, className = '', open = false, children }: DisclosureProps): ReactNode {
  const [chosen, choose] = useState<boolean>();
  const isOpen = chosen ?? open;
  return (
    <details
      className={`ca-disclosure ${className}`}
      open={isOpen}
      onToggle={(event) => {
        // Also told when `open` changes by itself, which is nobody's choice.
        if (event.currentTarget.open !== isOpen) choose(event.currentTarget.open);
      }}
    >
      <summary className="ca-summary">{summary}</summary>
      {isOpen && children()}
    </details>
  );
}
