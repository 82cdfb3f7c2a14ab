import type { Json } from '@cloutagent/contract';
import { createContext, useContext } from 'react';

/** Returns the name of a principal (`key:…`, `jwt:…`); undefined if it is unknown. */
export type NameOf = (principalId: string) => string | undefined;

export const Names = createContext<NameOf>(() => undefined);

const KEY = /\bkey:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g;

/** Replaces the ids of keys in a text by their names, where the names are known. */
export const withNames = (text: string, nameOf: NameOf): string =>
  text.replace(KEY, (id) => nameOf(id) ?? id);

export const useNameOf = (): NameOf => useContext(Names);

/** Describes the decision of an approval node in a sentence. @returns undefined if the value is not a decision */
export function decisionOf(output: Json | undefined, nameOf: NameOf): string | undefined {
  if (typeof output !== 'object' || output === null || Array.isArray(output)) return undefined;
  const { approved, by, comment } = output;
  if (typeof approved !== 'boolean' || typeof by !== 'string') return undefined;
  const suffix = typeof comment === 'string' && comment !== '' ? `: ${comment}` : '';
  return `${approved ? 'Approved' : 'Rejected'} by ${nameOf(by) ?? by}${suffix}`;
}
