/** The oldest Node.js on which the server runs. */
const OLDEST = 24;

/**
 * Explains an old Node.js before the server's modules are loaded: some of them fail there with errors that explain nothing.
 * @param version such as `24.1.0`
 * @throws Error if it is too old
 */
export function requireNodeVersion(version: string = process.versions.node): void {
  if (Number.parseInt(version, 10) >= OLDEST) return;
  throw new Error(
    `CloutAgent Executions needs Node.js ${OLDEST} or newer, but this is Node.js ${version}. Install it from https://nodejs.org, then start again.`,
  );
}
