import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readYaml, schemaErrors } from './schema.js';

interface Job {
  readonly uses?: string;
  readonly permissions?: Record<string, string>;
  readonly needs?: string | string[];
  readonly 'timeout-minutes'?: number;
  readonly strategy?: { matrix: Record<string, string[]> };
  readonly steps?: { uses?: string; run?: string; with?: Record<string, unknown> }[];
}
interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: Record<string, string>;
  readonly concurrency: { group: string };
  readonly jobs: Record<string, Job>;
}

const folder = '.github/workflows';
const files = readdirSync(folder).map((name) => `${folder}/${name}`);
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const hasActionlint = spawnSync('actionlint', ['-version']).status === 0;

describe.each(files)('%s', (file) => {
  const workflow = readYaml<Workflow>(file);
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, { steps: each = [] }]) => each);
  const commands = steps.flatMap(({ run = '' }) => run.split('\n'));

  it('is valid by the schema of workflows', () => expect(schemaErrors('github-workflows', file)).toEqual([]));

  it('may read the repository and no more, but for jobs that say why', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const more = jobs.flatMap(([name, { permissions = {} }]) => Object.entries(permissions).filter(([, right]) => right === 'write').map(([what]) => `${name} ${what}`));
    if (file.endsWith('release.yml')) expect(more).toEqual(['image packages', 'image id-token', 'image attestations', 'npm id-token', 'github contents']);
    else expect(more).toEqual([]);
  });

  it('pins every action by its commit and names the version beside it', () => {
    const used = [...readFileSync(file, 'utf8').matchAll(/uses: (\S+)(.*)$/gm)].filter(([, action = '']) => !action.startsWith('./'));
    expect(used.length).toBeGreaterThan(1);
    for (const [, action, comment] of used) expect([action, comment]).toEqual([expect.stringMatching(/^[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/), expect.stringMatching(/^ # v\d+\.\d+\.\d+$/)]);
  });

  it('keeps no credentials in the checkout, ends in time, and runs once at a time', () => {
    for (const { uses = '', with: given } of steps) if (uses.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
    for (const [name, job] of jobs) if (job.uses === undefined) expect([name, typeof job['timeout-minutes']]).toEqual([name, 'number']);
    expect(workflow.concurrency.group).toBeTruthy();
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target');
  });

  it('puts nothing that others choose into a command', () => {
    for (const command of commands) expect(command).not.toMatch(/\$\{\{/);
  });

  it('runs npm scripts, files and jobs that there are', () => {
    for (const [, name = ''] of commands.join('\n').matchAll(/npm run (?:--silent )?([\w:-]+)/g)) expect([name, scripts[name] !== undefined]).toEqual([name, true]);
    for (const [, name = ''] of commands.join('\n').matchAll(/(?:node|sh|bash) ((?:scripts|deploy)\/\S+)/g)) expect([name, existsSync(name)]).toEqual([name, true]);
    for (const [, name = ''] of commands.join('\n').matchAll(/(deploy\/test\/\S+\.ts)/g)) expect([name, existsSync(name)]).toEqual([name, true]);
    for (const [, { needs = [], uses }] of jobs) {
      for (const name of [needs].flat()) expect(Object.keys(workflow.jobs)).toContain(name);
      if (uses !== undefined) expect(existsSync(uses)).toBe(true);
    }
  });

  (hasActionlint ? it : it.skip)('passes actionlint', () => {
    const { status, stdout } = spawnSync('actionlint', [file], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
  });
});

describe('continuous integration', () => {
  const { jobs } = readYaml<Workflow>('.github/workflows/ci.yml');

  it('has one job that stands for all others', () => {
    const { needs = [] } = jobs.all!;
    expect([...needs].sort()).toEqual(Object.keys(jobs).filter((name) => name !== 'all').sort());
  });

  it('covers PostgreSQL 15 to 18, the oldest Node that is allowed, and three systems', () => {
    const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
    expect(jobs.postgres!.strategy!.matrix.postgres).toEqual(['15', '16', '17', '18']);
    expect(jobs.test!.strategy!.matrix.node![0]).toBe(engines.node.replace('>=', ''));
    expect(jobs['start-up']!.strategy!.matrix.os!.map((name) => name.split('-')[0])).toEqual(expect.arrayContaining(['ubuntu', 'macos', 'windows']));
  });

  it('does what lands a change: every npm script of .ci/run', () => {
    const run = [...readFileSync('.ci/run', 'utf8').matchAll(/npm run --silent ([\w:-]+)/g)].map(([, name]) => name);
    const all = readFileSync('.github/workflows/ci.yml', 'utf8');
    expect(run.length).toBeGreaterThan(4);
    for (const name of run) expect(all).toContain(`npm run ${name}`);
  });
});

describe('.github/dependabot.yml', () => {
  it('is valid by its schema', () => expect(schemaErrors('dependabot', '.github/dependabot.yml')).toEqual([]));

  it('watches packages, actions, images and providers, where they are', () => {
    const { updates } = readYaml<{ updates: { 'package-ecosystem': string; directory: string }[] }>('.github/dependabot.yml');
    expect(updates.map((each) => each['package-ecosystem'])).toEqual(['npm', 'github-actions', 'docker', 'docker-compose', 'terraform']);
    for (const { directory } of updates) expect([directory, existsSync(`.${directory}`)]).toEqual([directory, true]);
  });
});
