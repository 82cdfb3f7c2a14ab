import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Prefers the fonts of the package, and falls back to the machine's fonts for other characters. */
const fontsConf = (folder: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}/fonts/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
`;

export interface Chromium {
  executablePath: string;
  env: Record<string, string>;
}

/**
 * Returns the Chromium of the npm package `@sparticuz/chromium` (Linux, x64), unpacked once per checkout into
 * `node_modules/.cache`; or the Chromium at `CHROMIUM_PATH`, for other machines.
 */
export async function chromium(): Promise<Chromium> {
  const own = process.env['CHROMIUM_PATH'];
  const home = process.env['HOME'] ?? '/tmp';
  if (own) return { executablePath: own, env: { HOME: home } };
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      'the browser of the tests runs only on Linux x64; set CHROMIUM_PATH to the path of a Chromium on this machine',
    );
  const folder = await unpacked();
  return {
    executablePath: join(folder, 'chromium'),
    env: {
      HOME: home,
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
    },
  };
}

async function unpacked(): Promise<string> {
  const manifest = await readFile('node_modules/@sparticuz/chromium/package.json', 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = resolve('node_modules/.cache');
  const folder = join(cache, `chromium-${version}-with-fonts`);
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'unpacking-'));
  await run(process.execPath, ['test/support/unpack-chromium.mjs'], {
    env: { PATH: process.env['PATH'], TMPDIR: draft },
  });
  await writeFile(join(draft, 'fonts.conf'), fontsConf(folder));
  // Test files run in parallel. The rename is atomic: the first process wins, and no process sees a partial browser.
  await rename(draft, folder).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(folder))) throw error;
  });
  return folder;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
