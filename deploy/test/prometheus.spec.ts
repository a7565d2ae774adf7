import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from '@jest/globals';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { readYaml } from './schema.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { severity: string };
  readonly annotations?: Record<string, string>;
}
interface Panel {
  readonly title: string;
  readonly description?: string;
  readonly type: string;
  readonly datasource?: { uid: string };
  readonly fieldConfig?: { defaults: { unit?: string } };
  readonly targets?: { expr?: string; rawSql?: string }[];
}

const rules = readYaml<{ groups: { rules: Rule[] }[] }>('deploy/prometheus/alerts.yml').groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const dashboards = readdirSync('deploy/grafana/dashboards').map((name) => `deploy/grafana/dashboards/${name}`);
const boardOf = (file: string): { uid: string; panels: Panel[] } => JSON.parse(readFileSync(file, 'utf8')) as { uid: string; panels: Panel[] };
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** Name -> labels. Ours from the page that a test of the service keeps equal to its registry, Node's from prom-client itself. */
function knownMetrics(): Map<string, string[]> {
  const known = new Map<string, string[]>([['up', []], ['ALERTS', ['alertname', 'alertstate']]]);
  for (const [, name = '', type, labels = ''] of readFileSync('docs/observability.md', 'utf8').matchAll(/^\| `(ingot_\w+)` \| (\w+) \| ([^|]*) \|/gm)) {
    const names = [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
    known.set(name, names);
    if (type === 'histogram') for (const [suffix, more] of [['_bucket', ['le']], ['_sum', []], ['_count', []]] as const) known.set(name + suffix, [...names, ...more]);
  }
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const metric of registry.getMetricsAsArray()) known.set((metric as unknown as { name: string }).name, []);
  for (const { record } of rules) if (record !== undefined) known.set(record, ['route', 'status', 'source']);
  return known;
}

/** Each selector of an expression with the labels it asks for; throws where the grammar of PromQL does. */
function selectorsOf(expression: string): { metric: string; labels: string[] }[] {
  const found: { metric: string; labels: string[] }[] = [];
  parser.parse(expression).iterate({
    enter({ type, node, from, to }) {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      if (type.name !== 'VectorSelector') return;
      const labels: string[] = [];
      node.cursor().iterate((inner) => void (inner.type.name === 'LabelName' && labels.push(expression.slice(inner.from, inner.to))));
      found.push({ metric: /^[\w:]+/.exec(expression.slice(from, to))?.[0] ?? '', labels });
    },
  });
  return found;
}

const known = knownMetrics();
const ADDED_BY_PROMETHEUS = ['job', 'instance'];
function check(expression: string): void {
  const selectors = selectorsOf(expression.replaceAll('$__rate_interval', '5m').replaceAll('$__interval', '1m'));
  expect(selectors.length).toBeGreaterThan(0);
  for (const { metric, labels } of selectors) {
    expect([expression, metric, known.has(metric)]).toEqual([expression, metric, true]);
    for (const label of labels) expect([expression, label, [...known.get(metric)!, ...ADDED_BY_PROMETHEUS].includes(label)]).toEqual([expression, label, true]);
  }
}

describe('deploy/prometheus/alerts.yml', () => {
  it.each(rules.map(({ alert, record, expr }) => [alert ?? record, expr]))('%s asks for metrics and labels that there are', (_, expression = '') => check(expression));

  it.each(alerts.map((rule) => [rule.alert!, rule] as const))('%s says what it means, how urgent it is, and has a runbook', (name, { labels, annotations = {} }) => {
    expect(['page', 'ticket']).toContain(labels?.severity);
    expect([annotations.summary, annotations.description].every((text) => (text ?? '').length > 10)).toBe(true);
    expect(annotations.runbook).toBe(`docs/runbooks/${name}.md`);
    expect([annotations.runbook, existsSync(annotations.runbook ?? '')]).toEqual([annotations.runbook, true]);
  });

  it('has a test that makes each alert fire', () => {
    const tested = new Set([...readFileSync('deploy/prometheus/alerts.test.yml', 'utf8').matchAll(/ALERTS\{alertname="(\w+)"/g)].map(([, name]) => name));
    expect([...tested].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('every runbook is that of an alert, here or in Terraform', () => {
    const names = new Set(alerts.map(({ alert }) => `${alert}.md`));
    const others = readdirSync('docs/runbooks').filter((name) => /^Ingot/.test(name) && !names.has(name));
    expect(others).toEqual([]);
  });

  (hasPromtool ? it : it.skip)('passes promtool, rules and their tests', () => {
    for (const args of [['check', 'config', 'prometheus.yml'], ['test', 'rules', 'alerts.test.yml']]) {
      const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: 'deploy/prometheus', encoding: 'utf8' });
      expect([args, status, status === 0 ? '' : stdout + stderr]).toEqual([args, 0, '']);
    }
  });
});

describe.each(dashboards)('%s', (file) => {
  const { panels } = boardOf(file);
  const shown = panels.filter(({ type }) => type !== 'row');

  it('asks for metrics and labels that there are', () => {
    const expressions = shown.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => expr ?? []));
    expect(expressions.length).toBeGreaterThan(0);
    expressions.forEach(check);
  });

  it('explains every panel, gives it a unit, and asks sources that are provisioned', () => {
    const { datasources } = readYaml<{ datasources: { uid: string }[] }>('deploy/grafana/provisioning/datasources/datasources.yml');
    for (const { title, description, datasource, fieldConfig } of shown) {
      expect([title, (description ?? '').length > 10, typeof fieldConfig?.defaults.unit, datasources.some(({ uid }) => uid === datasource?.uid)]).toEqual([title, true, 'string', true]);
    }
    expect(new Set(shown.map(({ title }) => title)).size).toBe(shown.length);
  });
});

describe('Grafana', () => {
  it('has dashboards with names of their own', () => expect(new Set(dashboards.map((file) => boardOf(file).uid)).size).toBe(2));

  it('finds dashboards and secrets where docker-compose.yml mounts them', () => {
    const { services } = readYaml<{ services: { grafana: { volumes: string[]; secrets: string[] } } }>('docker-compose.yml');
    const { providers } = readYaml<{ providers: { options: { path: string } }[] }>('deploy/grafana/provisioning/dashboards/dashboards.yml');
    const mounts = services.grafana.volumes.map((volume) => volume.split(':')[1]);
    for (const { options } of providers) expect(mounts).toContain(options.path);
    for (const [, name] of readFileSync('deploy/grafana/provisioning/datasources/datasources.yml', 'utf8').matchAll(/\$__file\{\/run\/secrets\/(\w+)\}/g)) expect(services.grafana.secrets).toContain(name);
  });
});
