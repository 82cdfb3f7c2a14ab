// Runs all tests, or those of a pattern, and prints one coverage figure. It covers what Node executes of the server, the
// contract and the client, in Jest's own processes and in the servers that the tests start from the build. Files that no
// test loads count as uncovered. What runs in a browser (most of packages/react and web) is not measured.
import { Report } from 'c8';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const OUTPUT = join(ROOT, 'coverage');
const IN_JEST = join(OUTPUT, 'jest');
const IN_SERVERS = join(OUTPUT, 'servers');
const SOURCES = ['src/**/*.ts', 'packages/{contract,client}/src/**/*.ts', '!**/*.{spec,d}.ts'];

await rm(OUTPUT, { recursive: true, force: true });
await mkdir(IN_SERVERS, { recursive: true });
const jest = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    '--coverage',
    '--coverageProvider=v8',
    '--coverageReporters=json',
    `--coverageDirectory=${IN_JEST}`,
    ...SOURCES.map((pattern) => `--collectCoverageFrom=${pattern}`),
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, SERVER_COVERAGE: IN_SERVERS } },
);
const [code] = (await once(jest, 'exit')) as [number | null];

/** What c8 has and its type declarations leave out. */
interface CoverageMap {
  merge(coverage: object): void;
  getCoverageSummary(): { lines: { pct: number; covered: number; total: number } };
}
const options = {
  tempDirectory: IN_SERVERS,
  include: ['dist/**', 'packages/{contract,client}/dist/**'],
  exclude: [],
  reporter: ['text-summary', 'text'],
  reporterOptions: { text: { file: 'files.txt' } },
  reportsDirectory: OUTPUT,
  // Reads one server's coverage after another: together they would not fit in memory.
  mergeAsync: true,
};
const report = new Report(options) as Report & { getCoverageMapFromAllCoverageFiles(): Promise<CoverageMap> };
// The report keeps this map and prints it.
const total = await report.getCoverageMapFromAllCoverageFiles();
total.merge(JSON.parse(await readFile(join(IN_JEST, 'coverage-final.json'), 'utf8')) as object);
await report.run();
const { pct, covered, total: all } = total.getCoverageSummary().lines;
console.log(`Coverage of unit and e2e tests together: ${pct}% of lines (${covered} of ${all}).`);
console.log(`The table by file is in ${join(OUTPUT, 'files.txt')}.`);
await rm(IN_SERVERS, { recursive: true });
process.exitCode = code ?? 1;
