import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = process.cwd();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloutagent-imports-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs `npm run check:imports` on these files alone, by path. @returns the names of the rules that they break */
async function violationsOf(files: Record<string, string>): Promise<string[]> {
  for (const [path, text] of Object.entries({ ...files, 'package.json': '{ "type": "module" }' })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const output = await new Promise<string>((resolve) => {
    const tool = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
    const args = [tool, '--config', join(root, '.dependency-cruiser.js'), '--output-type', 'json', '.'];
    execFile(process.execPath, args, { cwd: folder }, (_error, stdout, stderr) => resolve(stdout || stderr));
  });
  const { summary } = JSON.parse(output) as { summary: { violations: { rule: { name: string } }[] } };
  return summary.violations.map(({ rule }) => rule.name).toSorted();
}

const LEAF = 'export const leaf = 1;\n';

it('accepts imports in the direction of the tables', async () => {
  expect(
    await violationsOf({
      'src/app.ts': "import './engine/run/run.js';\n",
      'src/engine/run/run.ts': "import '../../journal/journal.js';\nimport '../extension/node.js';\n",
      'src/engine/extension/node.ts': LEAF,
      'src/journal/journal.ts': "import '../common/uuid.js';\n",
      'src/common/uuid.ts': LEAF,
    }),
  ).toEqual([]);
});

it('finds files that import each other', async () => {
  expect(
    await violationsOf({
      'src/auth/one.ts': "import './two.js';\nexport const one = 1;\n",
      'src/auth/two.ts': "import './one.js';\nexport const two = 1;\n",
    }),
  ).toEqual(['cycle']);
});

it('finds a cycle of types, over three files', async () => {
  expect(
    await violationsOf({
      'web/src/one.ts': "import type { Two } from './two.js';\nexport type One = Two[];\n",
      'web/src/two.ts': "import { type Three } from './three.js';\nexport type Two = Three;\n",
      'web/src/three.ts': "export type Three = import('./one.js').One;\n",
    }),
  ).toEqual(['cycle']);
});

it('finds imports against the order among the folders that all others may import', async () => {
  expect(
    await violationsOf({
      'src/problems/filter.ts': "import { openapi } from '../openapi/openapi.js';\nexport { openapi };\n",
      'src/openapi/openapi.ts': LEAF.replace('leaf', 'openapi'),
      'src/openapi/codes.ts': "import { code } from '../problems/code.js';\nexport { code };\n",
      'src/problems/code.ts': LEAF.replace('leaf', 'code'),
    }),
  ).toEqual(['src/openapi']);
});

it('finds every kind of import of a folder that is higher in the order', async () => {
  const target = '../executions/executions.js';
  expect(
    await violationsOf({
      'src/executions/executions.ts': LEAF,
      'src/journal/of-values.ts': `import '${target}';\n`,
      'src/journal/of-types.ts': `import type { leaf } from '${target}';\n`,
      'src/journal/re-export.ts': `export * from '${target}';\n`,
      'src/journal/dynamic.ts': `await import('${target}');\n`,
    }),
  ).toEqual(Array(4).fill('src/journal'));
});

it('finds imports between the folders of streaming and of the engine against their order', async () => {
  expect(
    await violationsOf({
      'src/streaming/frames/frame.ts': "import '../gzip/gzip.js';\n",
      'src/streaming/gzip/gzip.ts': "import '../channel/channel.js';\n",
      'src/streaming/channel/channel.ts': "import '../connection/connection.js';\n",
      'src/streaming/connection/connection.ts': "import '../single/single.js';\n",
      'src/streaming/single/single.ts': "import '../multi/multi.js';\n",
      'src/streaming/multi/multi.ts': "import '../stream-hub.js';\n",
      'src/streaming/stream-hub.ts': LEAF,
      'src/engine/extension/node.ts': "import '../models/model.js';\n",
      'src/engine/models/model.ts': "import '../nodes/http.node.js';\n",
      'src/engine/nodes/http.node.ts': "import '../run/run.js';\n",
      'src/engine/run/run.ts': "import '../dispatch/dispatcher.js';\n",
      'src/engine/dispatch/dispatcher.ts': "import '../engine.module.js';\n",
      'src/engine/engine.module.ts': LEAF,
    }),
  ).toEqual(
    [
      ...['frames', 'gzip', 'channel', 'connection', 'single', 'multi'].map(
        (name) => `src/streaming/${name}`,
      ),
      ...['extension', 'models', 'nodes', 'run', 'dispatch'].map((name) => `src/engine/${name}`),
    ].toSorted(),
  );
});

it('refuses folders that no table has', async () => {
  expect(
    await violationsOf({
      'src/billing/billing.ts': "import '../common/uuid.js';\n",
      'src/common/uuid.ts': LEAF,
    }),
  ).toEqual(['src: unknown folder']);
});
