// The rules of imports: `npm run check:imports` fails on an import that a table below does not allow, and on every cycle
// between files. Imports of types and `await import()` count as well.

// The folders that any other folder of src/ may import; among themselves they have an order.
const BASE = {
  common: [],
  config: ['common'],
  logging: ['common', 'config'],
  discovery: [],
  monitoring: ['common', 'config', 'logging'],
  openapi: ['common', 'config', 'logging'],
  problems: ['common', 'config', 'logging', 'openapi'],
};

// What each folder of src/ may import in addition. The files directly in src/ compose all folders, and no folder imports
// them.
const FOLDERS = {
  database: [],
  events: [],
  cluster: ['database'],
  secrets: ['database'],
  journal: ['cluster', 'database', 'events', 'secrets'],
  streaming: ['events', 'journal'],
  engine: ['cluster', 'database', 'events', 'journal', 'secrets'],
  auth: ['database'],
  deliveries: ['cluster', 'database', 'events', 'journal'],
  listeners: ['auth', 'database', 'deliveries', 'events', 'journal'],
  throttling: ['auth'],
  waits: ['auth', 'database', 'engine', 'events', 'executions', 'journal', 'throttling'],
  definitions: ['auth', 'database', 'engine', 'secrets'],
  executions: [
    'auth',
    'database',
    'definitions',
    'engine',
    'events',
    'journal',
    'secrets',
    'streaming',
    'throttling',
  ],
  webhooks: ['auth', 'cluster', 'database', 'deliveries', 'engine', 'events', 'journal', 'secrets'],
  schedules: ['auth', 'cluster', 'database', 'definitions', 'engine', 'executions', 'secrets', 'throttling'],
  bulk: ['auth', 'cluster', 'database', 'executions'],
  stats: ['auth', 'database', 'executions'],
  protocols: [
    'auth',
    'database',
    'definitions',
    'engine',
    'events',
    'executions',
    'journal',
    'streaming',
    'throttling',
    'waits',
  ],
  dashboard: ['auth'],
  operations: [
    'auth',
    'database',
    'deliveries',
    'engine',
    'events',
    'journal',
    'stats',
    'streaming',
    'webhooks',
  ],
  // It runs the whole application inside another one, and hosts import it.
  embedding: [
    'auth',
    'database',
    'engine',
    'events',
    'executions',
    'streaming',
    'app-options.ts',
    'create-app.ts',
  ],
  // These begin at an entry of packages/server, so they use files that compose the application.
  cli: [
    'database',
    'definitions',
    'discovery',
    'engine',
    'executions',
    'journal',
    'secrets',
    'run-server.ts',
  ],
  testing: ['database', 'engine', 'create-app.ts'],
};

// What each folder of src/streaming/ may import there. Entries with a dot are files, all others are folders.
const STREAMING = {
  frames: [],
  scheduling: [],
  formats: ['frames'],
  gzip: ['frames', 'scheduling', 'stream-stats.ts'],
  channel: ['frames', 'scheduling', 'gzip', 'stream-stats.ts'],
  connection: ['frames', 'scheduling', 'gzip', 'channel', 'stream-stats.ts'],
  single: ['frames', 'scheduling', 'gzip', 'channel', 'connection', 'stream-stats.ts'],
  multi: ['frames', 'scheduling', 'gzip', 'channel', 'connection', 'stream-stats.ts'],
};

// The same for src/engine/.
const ENGINE = {
  extension: [],
  http: ['extension'],
  models: ['extension', 'http'],
  tools: ['extension'],
  mcp: ['extension', 'http', 'tools'],
  nodes: ['extension', 'http', 'models', 'tools'],
  agents: ['extension', 'http', 'models', 'tools', 'mcp', 'nodes'],
  validation: ['extension', 'models', 'agents', 'nodes'],
  waits: ['extension', 'nodes', 'execution-row.ts'],
  children: ['extension', 'waits', 'execution-row.ts'],
  run: [
    'extension',
    'http',
    'models',
    'nodes',
    'waits',
    'children',
    'execution-engine.ts',
    'execution-row.ts',
  ],
  dispatch: ['extension', 'waits', 'children', 'run', 'execution-engine.ts', 'execution-row.ts'],
};

const PACKAGES = { contract: [], client: ['contract'], react: ['client', 'contract'] };

/** Returns a pattern that matches files by name, and folders with everything in them. */
const anyOf = (parent, names) =>
  `^${parent}/(${names.map((name) => (name.includes('.') ? name.replaceAll('.', '\\.') : `${name}/`)).join('|')})`;

/** Makes a rule for each folder below `parent`, and one that refuses folders that the table does not have. */
const direction = (parent, table, { specs = true } = {}) => [
  ...Object.entries(table).map(([folder, others]) => ({
    name: `${parent}/${folder}`,
    comment: `${parent}/${folder} may import of ${parent}: ${others.join(', ') || 'nothing else'} (.dependency-cruiser.js).`,
    severity: 'error',
    from: { path: `^${parent}/${folder}/`, ...(!specs && { pathNot: '\\.spec\\.ts$' }) },
    to: { path: `^${parent}/`, pathNot: anyOf(parent, [folder, ...others]) },
  })),
  {
    name: `${parent}: unknown folder`,
    comment: `Add this folder of ${parent} to .dependency-cruiser.js, with the folders that it may import.`,
    severity: 'error',
    from: { path: `^${parent}/[^/]+/`, pathNot: anyOf(parent, Object.keys(table)) },
    to: {},
  },
];

const base = Object.keys(BASE);
const folders = {
  ...BASE,
  ...Object.fromEntries(Object.entries(FOLDERS).map(([folder, others]) => [folder, [...base, ...others]])),
};

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'cycle',
      comment: 'Files that import each other are one file, or miss a third one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...direction('src', folders),
    // A spec there may compose a folder with the folders that use it.
    ...direction('src/streaming', STREAMING, { specs: false }),
    ...direction('src/engine', ENGINE, { specs: false }),
    {
      name: 'server to packages',
      comment:
        'Of packages/ the server imports the contract alone; the command and the test kit use the client too.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|testing)/' },
      to: { path: '^(@cloutagent|packages)/', pathNot: '^(@cloutagent|packages)/contract(/|$)' },
    },
    {
      name: 'command and test kit to packages',
      comment: 'Of packages/ the command and the test kit import the contract and the client alone.',
      severity: 'error',
      from: { path: '^src/(cli|testing)/' },
      to: { path: '^(@cloutagent|packages)/', pathNot: '^(@cloutagent|packages)/(contract|client)(/|$)' },
    },
    ...Object.entries(PACKAGES).map(([name, others]) => ({
      name: `packages/${name}`,
      comment: `packages/${name} may import of packages/: ${others.join(', ') || 'nothing else'}.`,
      severity: 'error',
      from: { path: `^packages/${name}/`, pathNot: '\\.spec\\.ts$' },
      to: {
        path: '^(@cloutagent|packages|src|web|test)/',
        pathNot: `^(@cloutagent|packages)/(${[name, ...others].join('|')})(/|$)`,
      },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '/dist/'] },
  },
};
