import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAlive } from './postmaster.js';

const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux(
  'takes a process that has ended for dead, also while its parent does not ask for its end',
  async () => {
    // What sleeps is the parent of what has ended, and knows nothing of it.
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60']);
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    while (isAlive(pid));
    expect(process.kill(pid, 0)).toBe(true);
    expect(isAlive(process.pid)).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  },
);
