import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { giveToPostgres } from './cluster.ts';

const run = promisify(execFile);
const BLOCK_BYTES = 64 * 1024;
const REFILL_MS = 50;

/** A file system of a few megabytes that can be filled up. Mounting it needs root. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @returns undefined if this process may not mount */
  static async mount(megabytes: number): Promise<SmallDisk | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-small-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'tmpfs', folder]);
    } catch {
      await rm(folder, { recursive: true });
      return undefined;
    }
    await giveToPostgres(folder);
    return new SmallDisk(folder);
  }

  /** Keeps the disk full for so many ms, also when space is freed. */
  async fill(ms: number): Promise<void> {
    const path = join(this.folder, 'filler');
    const filler = await open(path, 'w');
    try {
      for (const end = Date.now() + ms; Date.now() < end; await sleep(REFILL_MS)) {
        for (const size of [BLOCK_BYTES, 4_096, 1]) {
          const block = Buffer.alloc(size);
          while (
            await filler.write(block).then(
              () => true,
              () => false,
            )
          );
        }
      }
    } finally {
      await filler.close();
      await rm(path);
    }
  }

  async unmount(): Promise<void> {
    await run('umount', [this.folder]).catch(() => run('umount', ['-l', this.folder]));
    await rm(this.folder, { recursive: true, force: true });
  }
}
