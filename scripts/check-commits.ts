// Fails on a commit whose subject is not in conventional form or is longer than 72 characters. Merge commits are exempt,
// and so are commits that do not descend from the one that added this file: their authors did not have this check. Where
// the history is missing, as in an exported or a shallow clone, it checks the commits that exist and prints a message.
import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const MAX_LENGTH = 72;
const TYPES = 'bench|build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test';
const SUBJECT = new RegExp(`^(${TYPES})(\\([a-z0-9-]+\\))?!?: \\S`);

/** Runs git. @returns its output; undefined if git is missing or fails */
function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Returns the problem with a commit's subject; undefined if there is none. */
function problemOf(subject: string): string | undefined {
  const { length } = Array.from(subject);
  if (length > MAX_LENGTH)
    return `has ${length} characters, of ${MAX_LENGTH} at most; the rest goes into the body`;
  if (!SUBJECT.test(subject)) return 'is not conventional, such as "fix(journal): keep the order of events"';
  return undefined;
}

function check(): void {
  if (git('rev-parse', '--show-prefix') !== '') {
    console.log('Commits are not checked: this folder has no history of its own.');
    return;
  }
  const file = relative(ROOT, import.meta.filename);
  const begin = git('log', '--reverse', '--diff-filter=A', '--format=%H', '--', file)?.split('\n')[0];
  if (!begin) {
    console.log(`Commits are not checked: none of them has added ${file}.`);
    return;
  }
  const lines = (git('log', '--no-merges', '--ancestry-path', '--format=%h %s', `${begin}..HEAD`) ?? '')
    .split('\n')
    .filter(Boolean);
  for (const line of lines) {
    const [hash, subject] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    const problem = problemOf(subject);
    if (!problem) continue;
    console.error(`${hash} "${subject}": its subject ${problem}.`);
    process.exitCode = 1;
  }
  const isShallow = git('rev-parse', '--is-shallow-repository') === 'true';
  console.log(`Commits checked: ${lines.length}${isShallow ? ', all that this shallow clone has' : ''}.`);
}

check();
