import { requireNodeVersion } from './node-version.js';

describe('the version of Node.js', () => {
  it.each(['24.0.0', '26.1.0'])('accepts %s, and the one that runs this', (version) => {
    expect(() => requireNodeVersion(version)).not.toThrow();
    expect(() => requireNodeVersion()).not.toThrow();
  });

  it.each(['20.20.2', '22.1.0', '8.0.0'])('explains what to do with %s', (version) => {
    expect(() => requireNodeVersion(version)).toThrow(
      `needs Node.js 24 or newer, but this is Node.js ${version}`,
    );
  });
});
