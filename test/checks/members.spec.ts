import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloutagent-members-'));
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  await mkdir(join(folder, 'scripts'));
  await cp('scripts/check-members.ts', join(folder, 'scripts/check-members.ts'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the check on these files alone, by path. @returns the members that it reports */
async function unusedIn(files: Record<string, string>): Promise<string[]> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const output = await new Promise<string>((resolve) => {
    const script = join(folder, 'scripts/check-members.ts');
    execFile(process.execPath, ['--preserve-symlinks', script], (_error, _stdout, stderr) => resolve(stderr));
  });
  return output.split('\n').flatMap((line) => /nothing reads (\S+)\./.exec(line)?.[1] ?? []);
}

it('reports methods, getters and properties that nothing reads, also private ones', async () => {
  expect(
    await unusedIn({
      'src/queue.ts': `
        export class Queue {
          used = 0;
          unusedField = 0;
          constructor(readonly unusedParameter: number, private readonly usedParameter: number) {
            this.used = unusedParameter;
          }
          call(): number { return this.usedParameter; }
          get unusedGetter(): number { return 1; }
          unusedMethod(): void {}
          private unusedPrivate(): void {}
        }`,
      'src/main.ts': `
        import { Queue } from './queue.js';
        const queue = new Queue(1, 2);
        const { used } = queue;
        console.log(used, queue.call());`,
    }),
  ).toEqual([
    'Queue.unusedField',
    'Queue.unusedParameter',
    'Queue.unusedGetter',
    'Queue.unusedMethod',
    'Queue.unusedPrivate',
  ]);
});

it('accepts what a decorator, an interface, a base class, a test or a computed name uses', async () => {
  expect(
    await unusedIn({
      'src/queue.ts': `
        const Get = (): MethodDecorator => () => undefined;
        interface Closable { close(): void }
        interface Sized { readonly size: number }
        class Base { constructor() { this.start(); } protected start(): void {} }
        export class Queue extends Base implements Closable {
          @Get() list(): void {}
          close(): void {}
          protected override start(): void {}
          get size(): number { return 1; }
          inTest(): void {}
          pause(): void {}
          resume(): void {}
        }
        const sizeOf = ({ size }: Sized): number => size;
        export function change(queue: Queue, verb: 'pause' | 'resume'): number {
          queue[verb]();
          return sizeOf(queue);
        }`,
      'test/queue.spec.ts': `
        import { Queue } from '../src/queue.js';
        new Queue().inTest();`,
    }),
  ).toEqual([]);
});
