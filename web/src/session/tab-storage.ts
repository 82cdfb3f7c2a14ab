/** What this tab keeps until it is closed, by name. Where storage is refused, it lives as long as the page. */
const PREFIX = 'cloutagent.';

export function readTab(name: string): string | null {
  try {
    return sessionStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param value null removes it */
export function writeTab(name: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, value);
  } catch {
    // Refused, or more than fits.
  }
}

/** Forgets everything. */
export function clearTab(): void {
  try {
    const names = Array.from({ length: sessionStorage.length }, (_unused, index) =>
      sessionStorage.key(index),
    );
    for (const name of names) if (name?.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // There is nothing, then.
  }
}
