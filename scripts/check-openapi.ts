// Checks an OpenAPI document with the recommended rules of Redocly and Spectral: that in the given file, or the document of
// the application, which it builds from dist/ without a server and without a database.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core';
import spectralRulesets from '@stoplight/spectral-rulesets';
import { readFileSync } from 'node:fs';
import { applicationDocument } from './openapi-document.ts';

const [, , file] = process.argv;
const text =
  file === undefined ? JSON.stringify(await applicationDocument(), null, 2) : readFileSync(file, 'utf8');
const document = JSON.parse(text) as { paths: object };

const redocly = await lintFromString({
  source: text,
  absoluteRef: '/openapi.json',
  config: await createConfig({ extends: ['recommended'] }),
});
const spectral = new spectralCore.Spectral();
spectral.setRuleset({
  extends: [spectralRulesets.oas as RulesetDefinition],
  // The project names nobody whom users of the API should write to.
  rules: { 'info-contact': 'off' },
});
const problems = [
  ...redocly.map(
    ({ ruleId, message, location }) =>
      `redocly ${ruleId} at ${location[0]?.pointer ?? 'the document'}: ${message}`,
  ),
  ...(await spectral.run(document as Record<string, unknown> & { paths: object })).map(
    ({ code, message, path }) => `spectral ${code} at ${path.join('/')}: ${message}`,
  ),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`The OpenAPI document is valid: ${Object.keys(document.paths).length} paths.`);
