import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { allOf, copyOf, execForm, pairsOf, readStages, textOf } from './dockerfile.js';
import { packedFiles } from './packed-files.js';
import { settingNames } from './setting-names.js';

const dockerignore = createRequire(import.meta.url)('@balena/dockerignore') as () => { add(lines: string[]): { ignores(name: string): boolean } };

const stages = readStages();
const service = stages.at(-1)!;
const variables = settingNames().add('NODE_ENV');

describe('the Dockerfile', () => {
  it('pins its one base image by version and digest', () => {
    expect(new Set(stages.map(({ image }) => image)).size).toBe(1);
    expect(service.image).toMatch(/^node:\d+\.\d+\.\d+-trixie-slim@sha256:[0-9a-f]{64}$/);
    expect(pairsOf(service, 'LABEL').get('org.opencontainers.image.base.name')).toBe(`docker.io/library/${service.image.split('@')[0]}`);
  });

  it('serves as a user that is not root, given by number', () => {
    expect(allOf(service, 'USER').map(textOf)).toEqual(['1000:1000']);
    const position = service.instructions.findIndex((each) => each.getKeyword() === 'USER');
    expect(service.instructions.slice(position).map((each) => each.getKeyword())).not.toContain('RUN');
  });

  it('starts node itself as process 1, and asks for its health without a shell or curl', () => {
    for (const keyword of ['ENTRYPOINT', 'HEALTHCHECK'] as const) expect([keyword, execForm(service, keyword)[0]]).toEqual([keyword, 'node']);
    expect(execForm(service, 'CMD')).toEqual(['start']);
    const files = packedFiles();
    for (const keyword of ['ENTRYPOINT', 'HEALTHCHECK'] as const) expect(files).toContain(execForm(service, keyword)[1]);
    expect(allOf(service, 'STOPSIGNAL')).toEqual([]); // Docker's own is SIGTERM
  });

  it('installs what the lock file says, runs no script of a package, and leaves out development and the embedded server', () => {
    const installs = stages.flatMap((stage) => allOf(stage, 'RUN').map(textOf)).filter((text) => /\bnpm (ci|install|i|add)\b/.test(text));
    expect(installs).toHaveLength(2);
    for (const text of installs) expect(text).toMatch(/^npm ci .*--ignore-scripts/);
    expect(installs.at(-1)).toMatch(/--omit=dev --omit=optional/);
    expect(allOf(service, 'RUN').map(textOf).filter((text) => /apt-get|curl|wget/.test(text))).toEqual([]);
  });

  it('takes nothing into the service but the packed package and its packages', () => {
    expect(allOf(service, 'COPY').map(copyOf)).toEqual([{ sources: ['/build/package'], destination: './', from: 'build' }]);
    expect(stages.flatMap((stage) => allOf(stage, 'ADD'))).toEqual([]);
  });

  it('holds no secret and only variables that there are', () => {
    const env = pairsOf(service, 'ENV');
    for (const name of env.keys()) expect([name, variables.has(name)]).toEqual([name, true]);
    for (const name of [...env.keys(), ...pairsOf(service, 'ARG').keys()]) expect(name).not.toMatch(/PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL|DATABASE/);
  });

  it('writes in its one volume only', () => {
    const volumes = allOf(service, 'VOLUME').map(textOf);
    expect(volumes).toEqual([pairsOf(service, 'ENV').get('INGOT_SPOOL_DIR')]);
    expect(allOf(service, 'RUN').map(textOf).join()).toContain(`install -d -o node -g node ${volumes[0]}`);
  });

  it('says what it is, by the names of the OCI', () => {
    const names = [...pairsOf(service, 'LABEL').keys()];
    for (const name of ['title', 'description', 'licenses', 'version', 'revision', 'created']) expect(names).toContain(`org.opencontainers.image.${name}`);
  });
});

describe('.dockerignore', () => {
  const ignored = dockerignore().add(readFileSync('.dockerignore', 'utf8').split('\n'));

  it.each(['apps/api/src/main.ts', 'apps/cli/src/commands/test.ts', 'libs/config/src/settings.ts', 'db/index.ts', 'sql/sensor/dataset.yml', 'sql/sensor/tests/power_has_both_metrics.sql', 'package.json', 'package-lock.json', 'tsconfig.build.json', 'scripts/ingot.mjs', 'docs/errors.md'])('lets %s in', (name) => {
    expect(ignored.ignores(name)).toBe(false);
  });

  it.each(['.git/config', '.env', 'apps/.env', '.env.local', '.ingot/postgres/PG_VERSION', '.ingot/passwords.json', 'node_modules/pg/index.js', 'apps/node_modules/x/index.js', 'dist/apps/api/src/main.js', 'secrets/database_url', 'deploy/compose.yml', 'terraform/terraform.tfstate', 'bench/src/main.ts', 'libs/testing/src/index.ts', 'apps/api/src/project.spec.ts', 'apps/api/test/service.ts', 'libs/config/src/config.spec.ts', 'key.pem', 'scripts/bench.mjs'])('keeps %s out', (name) => {
    expect(ignored.ignores(name)).toBe(true);
  });

  it('lets in every file that the package takes from the checkout', () => {
    const missing = packedFiles().filter((name) => !name.startsWith('dist/') && ignored.ignores(name));
    expect(missing).toEqual([]);
  });
});
