// Knows whether the build is that of the sources: `npm start` and `npm test` build only what has changed, and run in a
// checkout that cannot be written. `--before` and `--after` a build record what it reads and what it writes; with `--check`
// the exit code is 0 when neither has changed since.
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const STAMP = join(ROOT, 'node_modules/.cache/cloutagent-build');
const READ = [
  'src',
  'packages',
  'web',
  'scripts',
  'examples',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  '.swcrc',
];
/** What scripts/server-package.ts copies. */
const COPIED = ['packages/server/LICENSE', 'packages/server/examples'];
const WRITTEN = [
  'dist',
  'packages/client/dist',
  'packages/contract/dist',
  'packages/react/dist',
  'packages/server/dist',
  'packages/server/web/dist',
  'web/dist',
  ...COPIED,
];
const APART = new Set(['node_modules', 'dist']);

async function* filesIn(path: string): AsyncGenerator<string> {
  const entries = await readdir(join(ROOT, path), { withFileTypes: true }).catch(() => undefined);
  if (!entries) yield path;
  else
    for (const { name } of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1)))
      // Hidden entries are not part of a build: tests put modules of their own there.
      if (!APART.has(name) && !name.startsWith('.') && !COPIED.includes(join(path, name)))
        yield* filesIn(join(path, name));
}

async function fingerprint(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths)
    for await (const file of filesIn(path)) {
      const content = await readFile(join(ROOT, file)).catch(() => '');
      hash.update(`${file}\0${content.length}\0`).update(content);
    }
  return hash.digest('hex');
}

const recorded = async (): Promise<string[]> => (await readFile(STAMP, 'utf8').catch(() => '')).split(' ');

const [, , step] = process.argv;
if (step === '--before') {
  // What changes while it is built is built next time.
  await mkdir(dirname(STAMP), { recursive: true });
  await writeFile(STAMP, await fingerprint(READ));
} else if (step === '--after') {
  const [read] = await recorded();
  await writeFile(STAMP, `${read} ${await fingerprint(WRITTEN)}`);
} else {
  const [read, written] = await recorded();
  if (read !== (await fingerprint(READ)) || written !== (await fingerprint(WRITTEN))) {
    process.exitCode = 1;
    await access(ROOT, constants.W_OK).catch(() =>
      console.error(
        `${ROOT} has no build of these sources and cannot be written: run npm run build where it can.`,
      ),
    );
  }
}
