// Makes packages/server from the build of the repository's application: its code, its declarations, the built dashboard, the
// examples and the licence. `npm run build` runs it last. What it makes is not under version control.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PACKAGE = join(ROOT, 'packages/server');
const DIST = join(PACKAGE, 'dist');
/** The program of the repository's `npm start`; the package has the command `cloutagent` instead. */
const NOT_PACKED = new Set(['main.js', 'main.js.map']);
const ENTRIES = ['index', 'module', 'testing'];

function copy(from: string, to: string, isPacked: (path: string) => boolean = () => true): void {
  const source = join(ROOT, from);
  const target = join(PACKAGE, to);
  rmSync(target, { recursive: true, force: true });
  cpSync(source, target, { recursive: true, filter: (path) => isPacked(relative(source, path)) });
}

/** Removes the declarations that no entry imports, directly or through others: nobody could reach them. */
function removePrivateDeclarations(): void {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !existsSync(file)) return;
    reached.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(
      /(?:from |import\(|import )['"](\.[^'"]+)\.js['"]/g,
    ))
      visit(join(dirname(file), `${path}.d.ts`));
  };
  for (const entry of ENTRIES) visit(join(DIST, `${entry}.d.ts`));
  for (const name of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
    const file = join(DIST, name);
    if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file);
  }
}

copy('dist', 'dist', (path) => !NOT_PACKED.has(path));
execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', PACKAGE], {
  stdio: 'inherit',
});
removePrivateDeclarations();
copy('web/dist', 'web/dist');
// Without examples/extension, which stands for a repository of another team.
copy('examples', 'examples', (path) => !path.startsWith('extension'));
copy('LICENSE', 'LICENSE');
