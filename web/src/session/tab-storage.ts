import { BASE_PATH } from '../routing/base-path.js';

/** Dashboards of several servers may have one origin, and so one storage. */
const PREFIX = `cloutagent.${BASE_PATH}`;

/** Reads a value that this tab keeps until it is closed; null if there is none or storage is blocked. */
export function readTab(name: string): string | null {
  try {
    return sessionStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Stores a value in this tab until it is closed. @param value null removes it */
export function writeTab(name: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, value);
  } catch {
    // Storage is blocked or full. The value lasts as long as the page.
  }
}

/** Deletes every value of this tab. */
export function clearTab(): void {
  try {
    const names = Array.from({ length: sessionStorage.length }, (_unused, index) =>
      sessionStorage.key(index),
    );
    for (const name of names) if (name?.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // Storage is blocked, so nothing is stored.
  }
}
