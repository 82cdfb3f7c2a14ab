// Knows whether the build is that of the sources: `npm start` and `npm test` build only what has changed, and run in a
// checkout that cannot be written. Without an argument it records what is built now; with `--check` its exit code is 0 when
// neither sources nor output have changed since.
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const STAMP = join(ROOT, 'node_modules/.cache/cloutagent-build');
/** All that a build reads and writes. */
const PATHS = [
  'src',
  'packages',
  'web',
  'scripts',
  'dist',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

async function* filesIn(path: string): AsyncGenerator<string> {
  const entries = await readdir(join(ROOT, path), { withFileTypes: true }).catch(() => undefined);
  if (!entries) yield path;
  else
    for (const { name } of entries.sort((one, other) => (one.name < other.name ? -1 : 1)))
      if (name !== 'node_modules') yield* filesIn(join(path, name));
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of PATHS)
    for await (const file of filesIn(path)) {
      const content = await readFile(join(ROOT, file)).catch(() => '');
      hash.update(`${file}\0${content.length}\0`).update(content);
    }
  return hash.digest('hex');
}

if (process.argv.includes('--check')) {
  const recorded = await readFile(STAMP, 'utf8').catch(() => '');
  if (recorded !== (await fingerprint())) {
    process.exitCode = 1;
    await access(ROOT, constants.W_OK).catch(() =>
      console.error(
        `${ROOT} has no build of these sources and cannot be written: run npm run build where it can.`,
      ),
    );
  }
} else {
  await mkdir(dirname(STAMP), { recursive: true });
  await writeFile(STAMP, await fingerprint());
}
