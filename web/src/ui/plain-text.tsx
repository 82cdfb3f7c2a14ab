import { visibleText } from '@cloutagent/react';

/** Text that the dashboard did not write: its direction ends with it, and nothing in it is invisible. */
export function PlainText({ text, className }: { text: string; className?: string | undefined }) {
  return <bdi className={className}>{visibleText(text)}</bdi>;
}
