import { describe, expect, it } from '@jest/globals';
import { runCli } from './command-line.js';

describe('the command line', () => {
  it('lists its commands and the exit codes, and says 2 without a command', async () => {
    const help = await runCli(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['parse', 'apply', 'run', 'runs', 'config', 'migrate']) expect(help.stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    expect(help.stdout).toContain('Exit codes: 0 ok, 1 failed, 2 wrong usage');
    expect((await runCli([])).code).toBe(2);
  });

  it.each([
    [['rn'], /unknown command 'rn'\n\(Did you mean run\?\)/],
    [['run', '--watch'], /unknown option '--watch'/],
    [['runs', 'show', 'x'], /It must be a whole number from 1/],
    [['runs', 'show'], /takes the id of a run, or --wrote/],
    [['runs', 'compare', '1'], /missing required argument 'b'/],
    [['runs', '--status', 'late'], /Allowed choices are succeeded, failed/],
    [['run', '--wait', 'soon'], /It must be a number of seconds/],
    [['config', 'all'], /too many arguments/],
  ])('says 2 to %j', async (args, words) => {
    const { code, stderr, stdout } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(words);
  });

  it.each([[['run', 'stg_readings']], [['run', '-s', '+mart']], [['run', '--exclude', 'tag:x']]])('refuses %j: a run has no selection', async (args) => {
    const { code, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ingot run always refreshes the whole graph of a dataset: .*Selectors choose what/);
  });

  it('prints the configuration, the password hidden, as lines and as JSON', async () => {
    const env = { DATABASE_URL: 'postgres://me:secret@db/ingot', PORT: '8080' };
    const lines = await runCli(['config'], { env });
    expect(lines.stdout).toMatch(/^DATABASE_URL=postgres:\/\/me:\*\*\*@db\/ingot$/m);
    const json = await runCli(['config', '--json'], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({ DATABASE_URL: 'postgres://me:***@db/ingot', PORT: 8080, INGOT_APPLY: 'manual' });
    expect(lines.stdout + json.stdout).not.toContain('secret');
  });

  it('names each wrong variable and says 1', async () => {
    const { code, stderr } = await runCli(['config'], { env: { PORT: 'x', INGOT_SQLDIR: 'y' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Wrong configuration:\nPORT="x": .*\nINGOT_SQLDIR: unknown variable/);
  });
});
