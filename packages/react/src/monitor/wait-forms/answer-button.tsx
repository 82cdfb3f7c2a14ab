import type { ReactNode } from 'react';

interface AnswerButtonProps {
  locked: boolean;
  tone?: 'primary' | 'danger';
  /** Sends the form instead of calling `onClick`. */
  submit?: boolean;
  onClick?: () => void;
  children: ReactNode;
}

/** A button that uses `aria-disabled` instead of `disabled`, because a disabled button loses the keyboard focus. */
export function AnswerButton({ locked, tone, submit, onClick, children }: AnswerButtonProps): ReactNode {
  return (
    <button
      type={submit ? 'submit' : 'button'}
      className={`ca-button ${tone ? `ca-${tone}` : ''}`}
      aria-disabled={locked || undefined}
      onClick={() => !locked && onClick?.()}
    >
      {children}
    </button>
  );
}
