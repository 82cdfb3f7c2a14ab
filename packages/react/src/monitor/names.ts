import type { Json } from '@cloutagent/contract';
import { createContext, useContext } from 'react';

/** The name of a principal (`key:…`, `jwt:…`), where it is known. */
export type NameOf = (principalId: string) => string | undefined;

export const Names = createContext<NameOf>(() => undefined);

const KEY = /\bkey:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g;

/** Text in which keys that are known have their names. */
export const withNames = (text: string, nameOf: NameOf): string =>
  text.replace(KEY, (id) => nameOf(id) ?? id);

export const useNameOf = (): NameOf => useContext(Names);

/** What a person decided, in a sentence; undefined when the value is no decision of an approval node. */
export function decisionOf(output: Json | undefined, nameOf: NameOf): string | undefined {
  if (typeof output !== 'object' || output === null || Array.isArray(output)) return undefined;
  const { approved, by, comment } = output;
  if (typeof approved !== 'boolean' || typeof by !== 'string') return undefined;
  const said = typeof comment === 'string' && comment !== '' ? `: ${comment}` : '';
  return `${approved ? 'Approved' : 'Rejected'} by ${nameOf(by) ?? by}${said}`;
}
