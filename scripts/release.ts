// Prepares a release: `npm run release -- 0.2.0` sets the version everywhere, dates the section "Unreleased" of the
// changelog, builds the packages and packs them into release/. `npm run release -- 0.2.0 --dry-run` changes nothing and
// says what it would do. Neither commits, tags, pushes or publishes: the last lines say how.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const OUTPUT = 'release';
/** Semantic Versioning 2.0.0 without build metadata: for npm, versions that differ only in it are the same. */
const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;
const UNRELEASED = '## Unreleased\n';

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
}

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}
const run = (tool: string, ...args: string[]): string =>
  execFileSync(tool, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Whether a version is newer than another one, by section 11 of Semantic Versioning. */
function isNewer(version: string, than: string): boolean {
  const parts = (text: string): [numbers: number[], labels: string[]] => {
    const [, major, minor, patch, label] =
      VERSION.exec(text) ?? stop(`"${text}" is not a version such as 1.2.3.`);
    return [[Number(major), Number(minor), Number(patch)], label?.split('.') ?? []];
  };
  const [numbers, labels] = parts(version);
  const [oldNumbers, oldLabels] = parts(than);
  for (const [at, number] of numbers.entries())
    if (number !== oldNumbers[at]) return number > oldNumbers[at]!;
  if (labels.length === 0 || oldLabels.length === 0) return labels.length === 0 && oldLabels.length > 0;
  for (const [at, label] of labels.entries()) {
    const old = oldLabels[at];
    if (old === label) continue;
    const [isNumber, isOldNumber] = [/^\d+$/.test(label), /^\d+$/.test(old ?? '')];
    if (old === undefined || (isNumber && isOldNumber))
      return old === undefined || Number(label) > Number(old);
    return isNumber === isOldNumber ? label > old : isOldNumber;
  }
  return false;
}

/** Sets the version of a manifest, and of the packages of this repository that it depends on. */
function setVersion(manifest: Manifest, version: string): void {
  manifest.version = version;
  for (const name of Object.keys(manifest.dependencies ?? {}))
    if (name.startsWith('@cloutagent/')) manifest.dependencies![name] = version;
}

function releasedChangelog(version: string): string {
  const text = read('CHANGELOG.md');
  const [before, after] = text.split(UNRELEASED);
  const changes = after?.split('\n## ')[0]?.trim();
  if (!changes) stop('CHANGELOG.md has nothing under "## Unreleased": write what changed first.');
  return `${before}${UNRELEASED}\n## ${version} - ${new Date().toISOString().slice(0, 10)}\n${after}`;
}

const { values, positionals } = parseArgs({
  options: { 'dry-run': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const isDryRun = values['dry-run'];
const [version] = positionals;
if (!version || positionals.length > 1) stop('Usage: npm run release -- <version> [--dry-run]');
const current = (JSON.parse(read('package.json')) as Manifest).version;
if (!isNewer(version, current)) stop(`${version} is not newer than ${current}.`);
const changed = run('git', 'status', '--porcelain').trim();
if (changed) stop(`Commit or remove these changes first:\n${changed}`);

const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`);
const files = new Map<string, string>([['CHANGELOG.md', releasedChangelog(version)]]);
for (const folder of ['.', ...packages, 'web']) {
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(read(path)) as Manifest;
  setVersion(manifest, version);
  files.set(path, `${JSON.stringify(manifest, null, 2)}\n`);
}
const lock = JSON.parse(read('package-lock.json')) as Manifest & { packages: Record<string, Manifest> };
lock.version = version;
for (const folder of ['', ...packages, 'web']) setVersion(lock.packages[folder]!, version);
files.set('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
// The OpenAPI document names it too.
const openapi = 'src/openapi/openapi.ts';
const stated = `.setVersion('${current}')`;
if (!read(openapi).includes(stated)) stop(`${openapi} does not have ${stated}.`);
files.set(openapi, read(openapi).replace(stated, `.setVersion('${version}')`));

const verb = isDryRun ? 'Would set' : 'Set';
console.log(
  `${verb} the version from ${current} to ${version} in:\n${[...files.keys()].map((path) => `  ${path}`).join('\n')}`,
);
if (isDryRun) {
  console.log(`Would build the packages and pack them into ${OUTPUT}/:`);
  for (const folder of packages) console.log(`  ${folder}`);
} else {
  for (const [path, text] of files) writeFileSync(join(ROOT, path), text);
  run('npm', 'run', 'build');
  rmSync(join(ROOT, OUTPUT), { recursive: true, force: true });
  mkdirSync(join(ROOT, OUTPUT));
  const workspaces = packages.flatMap((folder) => ['--workspace', folder]);
  const packed = run('npm', 'pack', '--pack-destination', OUTPUT, ...workspaces)
    .trim()
    .split('\n');
  console.log(`Packed into ${OUTPUT}/:\n${packed.map((name) => `  ${name}`).join('\n')}`);
}
console.log(`Nothing is committed, tagged, pushed or published. Next:
  git commit --all --message 'chore: release ${version}' && git tag v${version}
  git push origin HEAD v${version}
  npm publish ${OUTPUT}/<each package>.tgz --access public`);
