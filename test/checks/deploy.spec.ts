import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { parse } from 'yaml';
import { parseSettings } from '../../src/config/settings.js';

const FOLDER = 'deploy/kubernetes';
const read = (file: string): string => readFileSync(file, 'utf8');
const manifest = (name: string): unknown => parse(read(join(FOLDER, name)));
/** Kubernetes' own schemas, from its OpenAPI document. */
const KINDS = { ConfigMap, Deployment, Namespace, NetworkPolicy, PodDisruptionBudget, Service };
type Kind = keyof typeof KINDS;

const SETTINGS = new Set(
  [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name!),
);
const files = readdirSync(FOLDER).filter((name) => name !== 'kustomization.yaml');

describe('the Kubernetes manifests', () => {
  it.each(files)('%s fits the schema of its kind', (name) => {
    const content = manifest(name) as { kind: Kind };
    const Model = KINDS[content.kind] as new (data: object) => { validate(): void };
    expect(() => new Model(content).validate()).not.toThrow();
  });

  it('are all applied by the kustomization', () => {
    expect((manifest('kustomization.yaml') as { resources: string[] }).resources.toSorted()).toEqual(
      files.toSorted(),
    );
  });

  it('have only settings that the server knows and accepts', () => {
    const { data } = manifest('config.yaml') as { data: Record<string, string> };
    expect(Object.keys(data).filter((name) => !SETTINGS.has(name))).toEqual([]);
    expect(() => parseSettings(data)).not.toThrow();
  });

  it('give a server the time that it needs to stop', () => {
    const { data } = manifest('config.yaml') as { data: { SHUTDOWN_TIMEOUT_MS: string } };
    const { spec } = (
      manifest('deployment.yaml') as {
        spec: {
          template: {
            spec: {
              terminationGracePeriodSeconds: number;
              containers: [{ lifecycle: { preStop: { sleep: { seconds: number } } } }];
            };
          };
        };
      }
    ).spec.template;
    const needed =
      spec.containers[0].lifecycle.preStop.sleep.seconds + Number(data.SHUTDOWN_TIMEOUT_MS) / 1_000;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });
});

describe('the compose file and the image', () => {
  const { services } = parse(read('compose.yaml')) as {
    services: {
      server: { environment: Record<string, string>; stop_grace_period: string; read_only: boolean };
    };
  };

  it('have only settings that the server knows', () => {
    const image = [...read('Dockerfile').matchAll(/(?:^ENV |^ {4})([A-Z][A-Z_]+)=/gm)].map(
      ([, name]) => name!,
    );
    expect(image).toContain('HOST');
    const names = [...Object.keys(services.server.environment), ...image];
    expect(
      names.filter((name) => !SETTINGS.has(name) && !['NODE_ENV', 'NODE_OPTIONS'].includes(name)),
    ).toEqual([]);
  });

  it('give a server the time that it needs to stop', () => {
    const { SHUTDOWN_TIMEOUT_MS } = parseSettings({});
    expect(Number.parseInt(services.server.stop_grace_period, 10) * 1_000).toBeGreaterThan(
      SHUTDOWN_TIMEOUT_MS,
    );
  });

  it('run the Node that the repository pins', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
    const bases = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(bases).toEqual(Array(3).fill(`node:${devDependencies.node}-bookworm-slim`));
  });
});
