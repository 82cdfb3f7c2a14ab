// Data flows one way: fails on an import that design does not allow, and on cycles between folders of src/.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const SRC = join(import.meta.dirname, '../src');
/** What any folder may use. */
const OPEN = ['config', 'problems', 'common', 'logging', 'openapi'];
/** What each folder may use besides. */
const ALLOWED: Record<string, string[]> = {
  config: [],
  problems: [],
  common: [],
  logging: [],
  openapi: [],
  database: [],
  events: [],
  cluster: ['database'],
  journal: ['cluster', 'database', 'events'],
  streaming: ['journal', 'events'],
  engine: ['cluster', 'journal', 'events', 'database'],
  auth: ['database'],
  throttling: ['auth'],
  executions: ['engine', 'journal', 'streaming', 'auth', 'throttling', 'events', 'database'],
  dashboard: ['auth'],
  operations: ['auth', 'database', 'events', 'journal', 'streaming', 'engine'],
};

const wrong: string[] = [];
for (const entry of readdirSync(SRC, { recursive: true, encoding: 'utf8' })) {
  if (!entry.endsWith('.ts')) continue;
  const folder = entry.includes('/') ? entry.slice(0, entry.indexOf('/')) : undefined;
  // The files directly in src/ compose everything.
  if (folder === undefined) continue;
  const text = readFileSync(join(SRC, entry), 'utf8');
  for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
    const target = relative(SRC, join(SRC, dirname(entry), specifier));
    const to = target.slice(0, target.indexOf('/'));
    const allowed = ALLOWED[folder];
    if (!allowed) wrong.push(`${entry}: say in scripts/check-imports.ts what src/${folder} may import`);
    else if (to !== folder && !OPEN.includes(to) && !allowed.includes(to))
      wrong.push(`${entry}: src/${folder} may not import ${specifier}`);
  }
  if (/\bforwardRef\b/.test(text)) wrong.push(`${entry}: forwardRef hides a cycle`);
  if (folder !== 'config' && text.includes('process.env'))
    wrong.push(`${entry}: settings come from src/config`);
}
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
