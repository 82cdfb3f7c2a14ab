import { visibleText } from '@cloutagent/react';

/** Shows untrusted text: isolates its writing direction and makes invisible characters visible. */
export function PlainText({ text, className }: { text: string; className?: string | undefined }) {
  return <bdi className={className}>{visibleText(text)}</bdi>;
}
