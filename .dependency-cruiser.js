// The rules of imports: `npm run check:imports` fails on an import that a table below does not allow, and on every cycle
// between files. Imports of types and `await import()` count as well.

// The rooms that any other room may import; among themselves they have an order.
const BASE = {
  common: [],
  config: ['common'],
  logging: ['common', 'config'],
  openapi: ['common', 'config'],
  problems: ['common', 'config', 'logging', 'openapi'],
};

// What each room of src/ may import in addition. The files directly in src/ compose all rooms, and no room imports them.
const ROOMS = {
  database: [],
  events: [],
  cluster: ['database'],
  journal: ['cluster', 'database', 'events'],
  streaming: ['events', 'journal'],
  engine: ['cluster', 'database', 'events', 'journal'],
  auth: ['database'],
  throttling: ['auth'],
  executions: ['auth', 'database', 'engine', 'events', 'journal', 'streaming', 'throttling'],
  dashboard: ['auth'],
  operations: ['auth', 'database', 'engine', 'events', 'journal', 'streaming'],
};

// What each room of src/streaming/ may import there: files by their name, all other entries are rooms.
const STREAMING = {
  frames: [],
  scheduling: [],
  gzip: ['frames', 'scheduling', 'stream-stats.ts'],
  channel: ['frames', 'scheduling', 'gzip', 'stream-stats.ts'],
  connection: ['frames', 'scheduling', 'gzip', 'channel', 'stream-stats.ts'],
  single: ['frames', 'scheduling', 'gzip', 'channel', 'connection', 'stream-stats.ts'],
  multi: ['frames', 'scheduling', 'gzip', 'channel', 'connection', 'stream-stats.ts'],
};

// The same of src/engine/.
const ENGINE = {
  extension: [],
  http: ['extension'],
  models: ['extension', 'http'],
  nodes: ['extension', 'http', 'models'],
  run: ['extension', 'http', 'models', 'nodes', 'execution-engine.ts', 'execution-row.ts'],
  dispatch: ['extension', 'run', 'execution-engine.ts', 'execution-row.ts'],
};

const PACKAGES = { contract: [], client: ['contract'], react: ['client', 'contract'] };

/** A pattern of paths: rooms with all that is in them, and files. */
const anyOf = (folder, names) =>
  `^${folder}/(${names.map((name) => (name.includes('.') ? name.replaceAll('.', '\\.') : `${name}/`)).join('|')})`;

/** A rule for each room of a folder, and one that refuses rooms that the table does not have. */
const direction = (folder, table, { specs = true } = {}) => [
  ...Object.entries(table).map(([room, others]) => ({
    name: `${folder}/${room}`,
    comment: `${folder}/${room} may import of ${folder}: ${others.join(', ') || 'nothing else'} (.dependency-cruiser.js).`,
    severity: 'error',
    from: { path: `^${folder}/${room}/`, ...(!specs && { pathNot: '\\.spec\\.ts$' }) },
    to: { path: `^${folder}/`, pathNot: anyOf(folder, [room, ...others]) },
  })),
  {
    name: `${folder}: unknown room`,
    comment: `Say in .dependency-cruiser.js what this room of ${folder} may import.`,
    severity: 'error',
    from: { path: `^${folder}/[^/]+/`, pathNot: anyOf(folder, Object.keys(table)) },
    to: {},
  },
];

const base = Object.keys(BASE);
const rooms = {
  ...BASE,
  ...Object.fromEntries(Object.entries(ROOMS).map(([room, others]) => [room, [...base, ...others]])),
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
    ...direction('src', rooms),
    // A spec there may put a room together with those that use it.
    ...direction('src/streaming', STREAMING, { specs: false }),
    ...direction('src/engine', ENGINE, { specs: false }),
    {
      name: 'server to packages',
      comment: 'Of packages/ the server imports the contract alone.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(@cloutagent|packages)/', pathNot: '^(@cloutagent|packages)/contract(/|$)' },
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
