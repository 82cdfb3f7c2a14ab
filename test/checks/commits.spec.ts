import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A machine that has npm alone runs the other tests.
const describeWithGit = spawnSync('git', ['--version']).status === 0 ? describe : describe.skip;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloutagent-commits-'));
  await mkdir(join(folder, 'repository/scripts'), { recursive: true });
  await cp('scripts/check-commits.ts', join(folder, 'repository/scripts/check-commits.ts'));
});
afterEach(() => rm(folder, { recursive: true }));

const IDENTITY = [
  '-c',
  'user.name=tester',
  '-c',
  'user.email=tester@example.com',
  '-c',
  'commit.gpgsign=false',
];
function git(...args: string[]): void {
  const { status, stderr } = spawnSync('git', [...IDENTITY, ...args], { cwd: join(folder, 'repository') });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`);
}
/** Makes a repository whose first commit adds the check, with one empty commit for each further subject. */
function commit(first: string, ...subjects: string[]): void {
  git('init', '--quiet');
  git('add', '.');
  for (const subject of [first, ...subjects]) git('commit', '--quiet', '--allow-empty', '-m', subject);
}
function check(repository = 'repository') {
  const script = join(folder, repository, 'scripts/check-commits.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('passes without a history and says so', () => {
  expect(check()).toMatchObject({ status: 0, stdout: expect.stringContaining('not checked') });
});

describeWithGit('the check of commits', () => {
  it('accepts conventional subjects, and what is older than the check', () => {
    commit('anything before and with the check', 'fix: one', 'feat(react)!: two', 'docs: three');
    expect(check()).toMatchObject({ status: 0, stdout: 'Commits checked: 3.\n' });
  });

  it.each([
    `fix: ${'x'.repeat(95)}`,
    `fix: ${'x'.repeat(68)}`,
    'repair the journal',
    'fix:no space',
    'Fix: upper case',
    'fix(Two Words): x',
  ])('refuses "%s"', (subject) => {
    commit('build: add the check', subject, 'fix: another one');
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining(`"${subject}"`) });
  });

  it('accepts 72 characters', () => {
    commit('build: add the check', `fix: ${'ä'.repeat(67)}`);
    expect(check().status).toBe(0);
  });

  it('exempts merge commits, but checks the commits that they bring', () => {
    commit('build: add the check');
    git('checkout', '--quiet', '-b', 'side');
    git('commit', '--quiet', '--allow-empty', '-m', 'a side commit');
    git('checkout', '--quiet', '-');
    git('merge', '--quiet', '--no-ff', 'side', '-m', 'Merge branch side');
    const { status, stderr } = check();
    expect([status, stderr]).toEqual([1, expect.stringContaining('a side commit')]);
    expect(stderr).not.toContain('Merge branch');
  });

  it('checks what a shallow clone has', () => {
    commit('build: add the check', 'no form', 'fix: one', 'fix: two');
    const source = `file://${join(folder, 'repository')}`;
    git('clone', '--quiet', '--depth', '2', source, join(folder, 'clone'));
    expect(check('clone')).toMatchObject({
      status: 0,
      stdout: 'Commits checked: 1, all that this shallow clone has.\n',
    });
  });
});
