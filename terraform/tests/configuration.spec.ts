// What can be said about terraform/ without Terraform: that it speaks of things that exist.
import { loadConfig } from '@ingot/config';
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { sessionBudget } from '../../apps/api/src/session-budget.js';
import { MODULES, readModule, readValues, ROOT, terraformFiles, type TerraformModule } from './terraform-files.js';

const ENVIRONMENTS = readdirSync(join(ROOT, 'environments')).map((file) => join(ROOT, 'environments', file));
/** Given on the command line: they belong to whoever deploys, not to the repository. */
const GIVEN_BY_HAND = ['project_id', 'runbooks_url', 'alert_emails'];

const modules = new Map<string, TerraformModule>();
for (const folder of [ROOT, ...MODULES]) modules.set(folder, await readModule(folder));
const part = (name: string): TerraformModule => modules.get(join(ROOT, name)) as TerraformModule;
const [root, service, monitoring] = [part(''), part('modules/service'), part('modules/monitoring')];

/** `merge({A = 1}, cond ? {} : {B = 2}, var.x)` comes as text: the names that are set in it. */
const settingsOfService = [...String(service.locals['env']).matchAll(/^\s*([A-Z][A-Z_]+)\s*=\s*(.*?)\s*(?:#.*)?$/gm)].map(([, name = '', value = '']) => ({ name, value }));
/** Every variable of the service; libs/config has a test that none is missing there. */
const documented = new Set([...readFileSync('.env.example', 'utf8').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name]) => name));
const logins = root.locals['logins'] as Record<string, { role: string; variable: string }>;
/** Google's own metrics and ours, where they replace an expression of deploy/prometheus/alerts.yml, which has a test of its own. */
const replaced = monitoring.locals['google'] as Record<string, { query: string }>;
const shared = (parseYaml(readFileSync('deploy/prometheus/alerts.yml', 'utf8')) as { groups: { rules: { alert?: string; expr: string }[] }[] }).groups.flatMap(({ rules }) => rules);

describe('inputs', () => {
  it('every environment sets declared variables only, and all that have no default', async () => {
    const required = Object.keys(root.variable).filter((name) => !('default' in (root.variable[name] ?? {})));
    expect(ENVIRONMENTS.map((path) => basename(path, '.tfvars'))).toEqual(['dev', 'prod', 'staging']);
    for (const path of ENVIRONMENTS) {
      const values = await readValues(path);
      expect(Object.keys(values).filter((name) => !(name in root.variable))).toEqual([]);
      expect(required.filter((name) => !(name in values) && !GIVEN_BY_HAND.includes(name))).toEqual([]);
      expect(values['environment']).toBe(basename(path, '.tfvars'));
    }
  });

  it('every variable has a type and says what it is; so does every output', () => {
    for (const [folder, { variable, output }] of modules) {
      expect(Object.keys(variable).length).toBeGreaterThan(0);
      for (const [name, block] of Object.entries(variable)) expect({ folder, name, ...block }).toMatchObject({ type: expect.anything(), description: expect.stringMatching(/\w/) });
      for (const [name, block] of Object.entries(output)) expect({ folder, name, ...block }).toMatchObject({ description: expect.stringMatching(/\w/) });
    }
  });
});

describe('the service', () => {
  it('is given variables that it reads', () => {
    const names = [...settingsOfService.map(({ name }) => name), ...Object.values(logins).map(({ variable }) => variable), 'DATABASE_URL', 'INGOT_RUN_MAX_ROWS'];
    expect(settingsOfService.length).toBeGreaterThan(10);
    expect(names.filter((name) => !documented.has(name))).toEqual([]);
  });

  it('starts with the values it is given', () => {
    const constants = Object.fromEntries(settingsOfService.flatMap(({ name, value }) => (/^"[^$"]*"$/.test(value) ? [[name, value.slice(1, -1)]] : [])));
    expect(constants).toMatchObject({ HOST: '0.0.0.0', INGOT_AUTH: 'required', INGOT_APPLY: 'manual' });
    const url = 'postgres://ingot:secret@10.20.0.3:5432/ingot?uselibpqcompat=true&sslmode=verify-ca&sslrootcert=/etc/ingot/database/server-ca.pem';
    for (const role of ['api', 'transform']) {
      const config = loadConfig({
        ...constants,
        DATABASE_URL: url,
        ...Object.fromEntries(Object.values(logins).map(({ variable }) => [variable, url])),
        INGOT_ROLE: role,
        INGOT_TRUST_PROXY: (root.variable['trusted_proxies']?.['default'] as string[]).join(','),
        INGOT_READ_POOL_MIN: '1',
        INGOT_READ_POOL_MAX: '1',
        INGOT_SPOOL_READ_BYTES: String(16 * 1024 * 1024),
        INGOT_SPOOL_TOTAL_BYTES: String(16 * 1024 * 1024),
        INGOT_SHUTDOWN_MS: String(service.locals['shutdown_ms']),
        OTEL_TRACES_SAMPLER_ARG: '0.01',
      });
      expect(config).toMatchObject({ INGOT_AUTH: 'required', INGOT_ROLE: role, DATABASE_URL: url });
    }
    expect(service.locals['shutdown_ms']).toBeLessThan(10_000); // Cloud Run's SIGKILL
  });

  it('has as many database sessions as max_connections is computed from', () => {
    const datasets = readdirSync('sql').map((name) => ({ sources: readdirSync(join('sql', name, 'sources')).map(() => undefined as never) }));
    for (const role of ['api', 'transform'] as const) {
      const budget = sessionBudget({ INGOT_AUTH: 'required', INGOT_READ_POOL_MAX: 0, INGOT_ROLE: role, embedded: false }, datasets);
      const needed = Object.values<number>({ ...budget }).reduce((sum, each) => sum + each, 0);
      const counted = root.locals[`${role}_sessions_beside_reads`] as number;
      expect(counted).toBeGreaterThanOrEqual(needed);
      expect(counted - needed).toBeLessThanOrEqual(4); // memory of the database that nobody uses
    }
  });

  it('has a collector whose pipelines are made of what it declares', () => {
    const template = readFileSync(join(ROOT, 'modules/service/collector.yaml.tftpl'), 'utf8').replaceAll(/\$\{(\w+)\}/g, '1');
    const { service: wiring, ...components } = parseYaml(template) as Record<string, Record<string, unknown>> & {
      service: { extensions: string[]; pipelines: Record<string, Record<'receivers' | 'processors' | 'exporters', string[]>> };
    };
    const declared = (kind: string): string[] => Object.keys(components[kind] ?? {}).sort();
    for (const kind of ['receivers', 'processors', 'exporters'] as const) {
      expect([...new Set(Object.values(wiring.pipelines).flatMap((pipeline) => pipeline[kind]))].sort()).toEqual(declared(kind));
    }
    expect(wiring.extensions).toEqual(declared('extensions'));
  });
});

describe('alerts', () => {
  it('look at metrics that the service has', () => {
    const known = new Set([...readFileSync('docs/observability.md', 'utf8').matchAll(/^\| `(ingot_\w+)` \|/gm)].map(([, name]) => name));
    const used = Object.values(replaced).flatMap(({ query }) => [...query.matchAll(/\bingot_\w+/g)].map(([name]) => name));
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  it('replace rules that exist, and all of those that need a recording rule', () => {
    const alerts = new Map(shared.flatMap(({ alert, expr }) => (alert === undefined ? [] : [[alert, expr]])));
    expect(Object.keys(replaced).filter((name) => !alerts.has(name))).toEqual([]);
    expect([...alerts].filter(([name, expr]) => /\bingot:/.test(expr) && !(name in replaced)).map(([name]) => name)).toEqual([]);
  });

  it('have a runbook each', () => {
    const alerts = shared.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));
    expect(alerts.filter((name) => !existsSync(join('docs/runbooks', `${name}.md`)))).toEqual([]);
  });
});

describe('what is committed', () => {
  const texts = terraformFiles().map((path) => ({ path, text: readFileSync(path, 'utf8') }));

  it('opens nothing to everybody', () => {
    const refused = join(ROOT, 'tests/inputs.tftest.hcl'); // says that it is
    expect(texts.filter(({ path, text }) => path !== refused && /\b0\.0\.0\.0\/0|::\/0|allUsers|allAuthenticatedUsers/.test(text)).map(({ path }) => path)).toEqual([]);
    expect(texts.filter(({ text }) => /ipv4_enabled\s*=\s*true|authorized_networks\s*\{|access_config/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('holds no secret', () => {
    const secret = /-----BEGIN [A-Z ]*PRIVATE KEY|AIza[\w-]{35}|\bya29\.|ingot_[0-9A-Za-z]{49}|"private_key"|\bpassword\s*=\s*"|secret_data\s*=\s*"/;
    expect(texts.filter(({ text }) => secret.test(text)).map(({ path }) => path)).toEqual([]);
    // A URL with a password may be a test's, and the one that is put together from an ephemeral value.
    const urls = texts.flatMap(({ path, text }) => [...text.matchAll(/postgres(?:ql)?:\/\/[^\s"/]+:([^\s"/@]+)@/g)].map(([, password]) => ({ path, password })));
    expect(urls.filter(({ path, password }) => !path.startsWith(join(ROOT, 'tests')) && !password?.startsWith('${ephemeral.'))).toEqual([]);
  });

  it('locks every provider it names, for all platforms', () => {
    const lock = readFileSync(join(ROOT, '.terraform.lock.hcl'), 'utf8');
    const named = new Map(texts.filter(({ path }) => path.endsWith('versions.tf')).flatMap(({ text }) => [...text.matchAll(/source\s*=\s*"([\w/-]+)"\s*version\s*=\s*"([^"]+)"/g)].map(([, source = '', version = '']) => [source, version])));
    expect([...named.keys()].sort()).toEqual(['hashicorp/google', 'hashicorp/random']);
    for (const [source, version] of named) {
      const [, entry = ''] = new RegExp(`provider "registry.terraform.io/${source}" \\{([^}]*)\\}`).exec(lock) ?? [];
      expect(entry).toContain(`constraints = "${version}"`);
      expect([...entry.matchAll(/"zh:[0-9a-f]{64}"/g)].length).toBeGreaterThanOrEqual(11);
    }
  });
});

describe('docs/deploy-aws.md', () => {
  const page = readFileSync('docs/deploy-aws.md', 'utf8');

  it('counts sessions as terraform/ does', () => {
    const { api_sessions_beside_reads: api, transform_sessions_beside_reads: transform, transform_read_pool_max: reads } = root.locals as Record<string, number>;
    expect(page.replaceAll(/\s+/g, ' ')).toContain(`(${api} + \`INGOT_READ_POOL_MAX\`) + transform tasks x ${(transform ?? 0) + (reads ?? 0)})`);
  });

  it('has a task definition whose settings the service knows and starts with', () => {
    const [, json = ''] = /```json\n([^]*?)```/.exec(page) ?? [];
    const [container] = (JSON.parse(json) as { containerDefinitions: { environment: { name: string; value: string }[]; secrets: { name: string }[] }[] }).containerDefinitions;
    const given = Object.fromEntries(container?.environment.map(({ name, value }) => [name, value]) ?? []);
    const secrets = container?.secrets.map(({ name }) => name) ?? [];
    expect([...Object.keys(given), ...secrets].filter((name) => !documented.has(name))).toEqual([]);
    const url = 'postgres://ingot:secret@db:5432/ingot?sslmode=verify-full&sslrootcert=/etc/ingot/database/rds-ca.pem';
    expect(loadConfig({ ...given, ...Object.fromEntries(secrets.map((name) => [name, url])) })).toMatchObject({ INGOT_AUTH: 'required', INGOT_ROLE: 'api' });
  });
});
