import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const PACKAGES = ['contract', 'client', 'react', 'server'];

/** What a machine needs to reach the registry of npm. */
const NETWORK =
  /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|npm_config_(registry|cafile|cache))$/i;

/** The environment of a person's shell: without what `npm test` and Jest add to it. */
export const shellEnv = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name === 'PATH' || name === 'HOME' || NETWORK.test(name)),
  ) as Record<string, string>;

/**
 * Packs the packages of this repository, as they would be published.
 * @returns the paths of the tarballs
 */
export async function packPackages(folder: string): Promise<string[]> {
  const workspaces = PACKAGES.flatMap((name) => ['--workspace', `packages/${name}`]);
  const command = ['pack', '--ignore-scripts', '--pack-destination', folder, ...workspaces];
  const { stdout } = await run('npm', command, { cwd: root });
  const names = stdout.trim().split('\n');
  expect(names).toHaveLength(PACKAGES.length);
  return names.map((name) => join(folder, name));
}

/** The command that installs tarballs, and what they depend on, from the registry or npm's cache. */
export const installCommand = (tarballs: readonly string[]): string =>
  `npm install --prefer-offline --no-audit --no-fund ${tarballs.join(' ')}`;

/** Runs a command of a shell in a folder. Shows what it printed if it fails. */
export async function inShell(command: string, cwd: string, env = shellEnv()): Promise<string> {
  try {
    return (await run('sh', ['-c', command], { cwd, env, maxBuffer: 16 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}
