// Checks the packages that npm would publish: their manifests, and that their types resolve for a project that installs
// them. Needs no network.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
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

for (const name of readdirSync(join(root, 'packages'))) {
  call('publint', '--strict', join('packages', name));
  // ESM only: what CommonJS and the resolution of Node 10 would make of it does not matter.
  call('attw', '--pack', join('packages', name), '--profile', 'esm-only');
}
