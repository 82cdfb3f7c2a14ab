import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The last commit of the release before: its processes know neither packed events nor entries of lists. */
const COMMIT = 'bd09176931dcef5e00c8756bb555b19d6fbc6248';

/** Whether this repository has the commit. A shallow clone has not. */
export const HAS_RELEASE_BEFORE = spawnSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`]).status === 0;

const run = (command: string, args: readonly string[], cwd: string): void => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
};

/** A build of the release before, in a folder of its own. It uses the packages that are installed here. */
export class ReleaseBefore {
  /** The script that starts a server. */
  readonly script: string;

  private constructor(private readonly folder: string) {
    this.script = join(folder, 'dist/main.js');
  }

  static async build(): Promise<ReleaseBefore> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-before-'));
    run('sh', ['-c', `git archive ${COMMIT} | tar -x -C ${folder}`], process.cwd());
    const modules = join(folder, 'node_modules');
    await mkdir(join(modules, '@cloutagent'), { recursive: true });
    for (const name of await readdir('node_modules'))
      if (name !== '@cloutagent') await symlink(resolve('node_modules', name), join(modules, name));
    await symlink(join(folder, 'packages/contract'), join(modules, '@cloutagent/contract'));
    run(
      process.execPath,
      [resolve('node_modules/typescript/bin/tsc'), '-p', 'packages/contract/tsconfig.json'],
      folder,
    );
    run(process.execPath, [resolve('node_modules/@nestjs/cli/bin/nest.js'), 'build'], folder);
    return new ReleaseBefore(folder);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
