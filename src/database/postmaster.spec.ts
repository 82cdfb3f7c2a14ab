import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAlive } from './postmaster.js';

const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux('does not count a zombie as alive', async () => {
  // `exec` replaces the shell by sleep, which never waits for the shell's child. The child must not end before that,
  // because the shell would reap it.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60']);
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  while (isAlive(pid));
  expect(process.kill(pid, 0)).toBe(true);
  expect(isAlive(process.pid)).toBe(true);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
});
