import { visibleText } from '@cloutagent/react';

/** Text that somebody else wrote: its direction ends with it, and nothing in it is invisible. */
export function PlainText({ text, className }: { text: string; className?: string | undefined }) {
  return <bdi className={className}>{visibleText(text)}</bdi>;
}
