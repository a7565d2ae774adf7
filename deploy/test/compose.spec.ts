import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '@ingot/config';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readStages, pairsOf } from './dockerfile.js';
import { readYaml, schemaErrors } from './schema.js';
import { settingNames, takesFile } from './setting-names.js';

interface Service {
  readonly image: string;
  readonly build?: { context: string; target: string };
  readonly command?: string[];
  readonly user?: string;
  readonly profiles?: string[];
  readonly environment?: Record<string, string>;
  readonly secrets?: string[];
  readonly volumes?: string[];
  readonly ports?: string[];
  readonly networks: string[] | Record<string, { aliases?: string[] } | null>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly read_only: boolean;
  readonly cap_drop: string[];
  readonly security_opt: string[];
  readonly healthcheck?: { test?: string[]; disable?: boolean };
  readonly deploy: { resources: { limits: { cpus: string; memory: string; pids: number } } };
}

const FILE = 'docker-compose.yml';
const text = readFileSync(FILE, 'utf8');
const compose = readYaml<{ services: Record<string, Service>; networks: Record<string, { internal?: boolean } | null>; volumes: Record<string, null>; secrets: Record<string, { file: string }> }>(FILE);
const services = Object.entries(compose.services);
const networksOf = ({ networks }: Service): string[] => (Array.isArray(networks) ? networks : Object.keys(networks));
const ours = services.filter(([, { image }]) => image.includes('INGOT_IMAGE'));

describe('docker-compose.yml', () => {
  let secrets: string;
  beforeAll(() => {
    secrets = mkdtempSync(path.join(tmpdir(), 'ingot-secrets-'));
    const { status, stderr } = spawnSync('sh', ['deploy/make-secrets.sh', secrets], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
  afterAll(() => rmSync(secrets, { recursive: true, force: true }));

  it('is valid by the schema of the Compose Specification', () => expect(schemaErrors('compose-spec', FILE)).toEqual([]));

  it.each(services)('%s is hardened and limited', (_, service) => {
    expect([service.read_only, service.cap_drop, service.security_opt]).toEqual([true, ['ALL'], ['no-new-privileges:true']]);
    expect(Object.keys(service.deploy.resources.limits).sort()).toEqual(['cpus', 'memory', 'pids']);
    expect(service).not.toHaveProperty('privileged');
    expect(service).not.toHaveProperty('cap_add');
    if (service.build === undefined) {
      expect(service.image).toMatch(/^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
      expect(service.user).toMatch(/^[1-9]\d*:\d+$/);
    } else expect(service.user).toBeUndefined(); // the Dockerfile's, which its spec checks
  });

  it('names only services, networks, volumes and secrets that there are, and all of those', () => {
    const used = { networks: new Set<string>(), volumes: new Set<string>(), secrets: new Set<string>() };
    for (const [, service] of services) {
      for (const name of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services)).toContain(name);
      networksOf(service).forEach((name) => used.networks.add(name));
      (service.secrets ?? []).forEach((name) => used.secrets.add(name));
      for (const [source = ''] of (service.volumes ?? []).map((volume) => volume.split(':'))) if (!source.startsWith('.')) used.volumes.add(source);
    }
    for (const kind of ['networks', 'volumes', 'secrets'] as const) expect([...used[kind]].sort()).toEqual(Object.keys(compose[kind]).sort());
  });

  it('waits for what is in the same or in no profile, and for a health check that there is', () => {
    for (const [, service] of services) {
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        const other = compose.services[name]!;
        for (const profile of other.profiles ?? []) expect(service.profiles).toContain(profile);
        if (condition === 'service_healthy') expect([name, other.build !== undefined || other.healthcheck?.test !== undefined]).toEqual([name, true]);
      }
    }
  });

  it('mounts files that there are; the image builds from a stage that there is', () => {
    for (const [, service] of services) {
      for (const [source = ''] of (service.volumes ?? []).map((volume) => volume.split(':'))) if (source.startsWith('.')) expect([source, existsSync(source)]).toEqual([source, true]);
      if (service.build !== undefined) expect(readStages().map(({ name }) => name)).toContain(service.build.target);
    }
  });

  it('takes every secret from a file that deploy/make-secrets.sh makes, which are as many, different, and stay the same', () => {
    const made = readdirSync(secrets).sort();
    expect(Object.entries(compose.secrets).map(([name, { file }]) => [`./secrets/${name}`, file]).filter(([expected, file]) => expected !== file)).toEqual([]);
    expect(Object.keys(compose.secrets).sort()).toEqual(made);
    const values = (): string[] => made.map((name) => readFileSync(path.join(secrets, name), 'utf8'));
    const before = values();
    expect(new Set(before).size).toBe(made.length);
    for (const value of before) expect(value).toMatch(/^(postgres:\/\/\w+:)?[0-9a-f]{48}(@postgres:5432\/ingot)?\n$/);
    spawnSync('sh', ['deploy/make-secrets.sh', secrets]);
    expect(values()).toEqual(before);
    if (process.platform !== 'win32') expect(statSync(secrets).mode & 0o777).toBe(0o700);
  });

  it.each(ours)('%s gets only variables that there are, with values that the service accepts', (_, { environment = {}, secrets: given = [] }) => {
    const names = settingNames();
    const env: Record<string, string> = Object.fromEntries(pairsOf(readStages().at(-1)!, 'ENV'));
    for (const [name, value] of Object.entries(environment)) {
      expect([name, names.has(name) || (name.endsWith('_FILE') && takesFile(name.slice(0, -'_FILE'.length)))]).toEqual([name, true]);
      if (value.startsWith('/run/secrets/')) expect(given).toContain(path.basename(value));
      env[name] = value.replace('/run/secrets', secrets).replace(/\$\{\w+:-([^}]*)\}/g, '$1');
    }
    const config = loadConfig(env);
    expect([config.embedded, config.INGOT_AUTH, config.INGOT_APPLY]).toEqual([false, 'required', 'manual']);
    for (const name of ['DATABASE_URL', 'DATABASE_INGEST_URL', 'DATABASE_READ_URL', 'DATABASE_RUN_URL'] as const) expect(new URL(config[name]!).hostname).toBe('postgres');
  });

  it('holds no secret itself', () => {
    expect(text).not.toMatch(/postgres:\/\/|(PASSWORD|SECRET|TOKEN|KEY)\w*: *(?!\/run\/secrets\/)[^\s/]/);
  });

  it('runs api and transform apart, one of each, and two by profile', () => {
    const roles = services.flatMap(([name, { environment, profiles = [] }]) => (environment?.INGOT_ROLE === undefined || name === 'apply' ? [] : [[name, environment.INGOT_ROLE, ...profiles]]));
    expect(roles).toEqual([['api', 'api'], ['transform', 'transform'], ['api-2', 'api', 'replicas'], ['transform-2', 'transform', 'replicas']]);
  });

  it('publishes on the loopback address, from ports that are listened on, and keeps the database apart', () => {
    const listening: Record<string, string> = { api: '3000', proxy: /bind :(\d+)/.exec(readFileSync('deploy/proxy/haproxy.cfg', 'utf8'))![1]!, grafana: '3000' };
    for (const [name, service] of services) {
      for (const port of service.ports ?? []) {
        const [, address, inside] = /^\$\{PUBLISH_\w+:-(127\.0\.0\.1:\d+)\}:(\d+)$/.exec(port) ?? [];
        expect([name, address !== undefined, inside]).toEqual([name, true, listening[name]]);
        expect(networksOf(service).some((network) => compose.networks[network]?.internal !== true)).toBe(true);
      }
    }
    expect(networksOf(compose.services.postgres!)).toEqual(['database']);
    expect(Object.entries(compose.networks).filter(([, network]) => network?.internal !== true).map(([name]) => name)).toEqual(['published']);
  });

  it('the proxy and Prometheus ask services of their networks, on the port they listen on', () => {
    const port = loadConfig({}).PORT;
    const named = (network: string): string[] => services.filter(([, each]) => networksOf(each).includes(network)).flatMap(([name, { networks }]) => [name, ...(Array.isArray(networks) ? [] : networks[network]?.aliases ?? [])]);
    const servers = [...readFileSync('deploy/proxy/haproxy.cfg', 'utf8').matchAll(/^ {2}server (\S+) ([\w-]+):(\d+)$/gm)];
    expect(servers.map(([, , host, at]) => [host, Number(at)])).toEqual([['api', port], ['api-2', port]]);
    for (const [, , host = ''] of servers) expect(named('proxied')).toContain(host);
    const { scrape_configs: scrapes } = readYaml<{ scrape_configs: { job_name: string; dns_sd_configs?: { names: string[]; port: number }[] }[] }>('deploy/prometheus/prometheus.yml');
    const asked = scrapes.flatMap((scrape) => scrape.dns_sd_configs ?? []);
    expect(asked.map((each) => each.port)).toEqual([port, port]);
    for (const host of asked.flatMap(({ names }) => names)) expect(named('monitoring')).toContain(host);
    expect(named('monitoring').filter((name) => name === 'api' || name === 'transform')).toHaveLength(4); // both replicas answer to each name
  });

  it('every variable of its own has a default and is in docs/deploy-compose.md', () => {
    const page = readFileSync('docs/deploy-compose.md', 'utf8');
    const variables = [...text.matchAll(/\$\{(\w+)(:-[^}]+)?\}/g)];
    for (const [, name, fallback] of variables) expect([name, fallback !== undefined, page.includes(`\`${name}\``)]).toEqual([name, true, true]);
    expect(variables.length).toBeGreaterThanOrEqual(5);
  });
});
