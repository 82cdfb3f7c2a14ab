// Generates the three clients from openapi.json in the given folder, into its folder generated/. Needs no network.
import { createClient } from '@hey-api/openapi-ts';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { generate } from 'orval';

const [, , folder] = process.argv;
const document = join(folder, 'openapi.json');
const generated = join(folder, 'generated');

await createClient({
  input: document,
  output: { path: join(generated, 'hey-api'), tsConfigPath: join(folder, 'tsconfig.json') },
  plugins: ['@hey-api/client-fetch', '@hey-api/sdk', '@hey-api/typescript'],
  logs: { level: 'silent' },
});
await writeFile(
  join(generated, 'openapi-fetch.ts'),
  astToString(await openapiTypescript(JSON.parse(await readFile(document, 'utf8')))),
);
await generate(
  {
    input: { target: document },
    output: { target: join(generated, 'orval.ts'), client: 'fetch', mode: 'single' },
  },
  folder,
);
