// Checks the packages that npm would publish: their manifests, and that their types resolve for a project that installs
// them. Needs no network.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const call = (tool: string, ...args: string[]): void => {
  try {
    execFileSync(join(root, 'node_modules/.bin', tool), args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    console.error(`${tool} ${args.join(' ')}\n${stdout}${stderr}`);
    process.exitCode = 1;
  }
};

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;

/** packages/server is made from the repository's application, so it needs the same packages in the same versions. */
function checkServerDependencies(): void {
  const { dependencies: application, devDependencies } = manifestOf('.');
  const { dependencies, peerDependencies } = manifestOf('packages/server');
  const problem = (sentence: string): void => {
    console.error(sentence);
    process.exitCode = 1;
  };
  for (const [name, version] of Object.entries(application)) {
    if (name in peerDependencies) {
      if (peerDependencies[name] !== `^${version}`)
        problem(
          `packages/server/package.json: write "${name}": "^${version}" in peerDependencies, because the repository is tested with ${version}.`,
        );
    } else if (dependencies[name] !== version)
      problem(
        `packages/server/package.json: write "${name}": "${version}" in dependencies, as the package.json of the repository does.`,
      );
  }
  for (const name of Object.keys({ ...dependencies, ...peerDependencies }))
    // The declarations of the package need the types of its dependencies too.
    if (name.startsWith('@types/')) {
      const version = devDependencies[name] ?? dependencies[name];
      if (dependencies[name] !== version)
        problem(
          `packages/server/package.json: write "${name}": "${version}" in dependencies, as devDependencies of the repository does.`,
        );
    } else if (!(name in application))
      problem(
        `packages/server/package.json: remove "${name}", or add it to the dependencies of the repository's package.json.`,
      );
}

checkServerDependencies();
for (const name of readdirSync(join(root, 'packages'))) {
  call('publint', '--strict', join('packages', name));
  // ESM only: what CommonJS and the resolution of Node 10 would make of it does not matter.
  call('attw', '--pack', join('packages', name), '--profile', 'esm-only');
}
