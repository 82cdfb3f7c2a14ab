import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

let folder: string;
/** What the check reports of the sources below. */
let unused: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloutagent-members-'));
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  await mkdir(join(folder, 'scripts'));
  await cp('scripts/check-members.ts', join(folder, 'scripts/check-members.ts'));
  for (const [path, text] of Object.entries(SOURCES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const output = await new Promise<string>((resolve) => {
    const script = join(folder, 'scripts/check-members.ts');
    execFile(process.execPath, ['--preserve-symlinks', script], (_error, _stdout, stderr) => resolve(stderr));
  });
  unused = output.split('\n').flatMap((line) => /nothing reads (\S+)\./.exec(line)?.[1] ?? []);
});
afterAll(() => rm(folder, { recursive: true }));

const SOURCES = {
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
  'src/service.ts': `
    const Get = (): MethodDecorator => () => undefined;
    interface Closable { close(): void }
    interface Sized { readonly size: number }
    class Base { constructor() { this.start(); } protected start(): void {} }
    export class Service extends Base implements Closable {
      @Get() decorated(): void {}
      close(): void {}
      protected override start(): void {}
      get size(): number { return 1; }
      inTest(): void {}
      pause(): void {}
      resume(): void {}
    }
    const sizeOf = ({ size }: Sized): number => size;
    export function change(service: Service, verb: 'pause' | 'resume'): number {
      service[verb]();
      return sizeOf(service);
    }`,
  'test/service.spec.ts': `
    import { Service } from '../src/service.js';
    new Service().inTest();`,
};

it('reports methods, getters and properties that nothing reads, also private ones', () => {
  expect(unused.filter((member) => member.startsWith('Queue.'))).toEqual([
    'Queue.unusedField',
    'Queue.unusedParameter',
    'Queue.unusedGetter',
    'Queue.unusedMethod',
    'Queue.unusedPrivate',
  ]);
});

it('accepts what a decorator, an interface, a base class, a test or a computed name uses', () => {
  expect(unused.filter((member) => member.startsWith('Service.'))).toEqual([]);
});
