// `npm run terraform:check`: fmt, init, validate and test of terraform/, once for each environment. Nothing in the tree
// is written: it works on a copy. Where Terraform or its providers cannot be had, it says which checks did not run.
//   --require              not run counts as failed (CI)
//   --mirror <folder>      providers from a filesystem mirror instead of the registry; the lock file is left out then
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const OLDEST = [1, 11, 4];
const UNREACHABLE = /could not connect to|failed to (request discovery document|retrieve (the list of available|authentication checksums|cryptographic signature))|no such host|connection refused|i\/o timeout|context deadline exceeded|network is unreachable|tls handshake|proxyconnect/i;

const { values: options } = parseArgs({ options: { require: { type: 'boolean', default: false }, mirror: { type: 'string' } } });
const source = fileURLToPath(new URL('../terraform', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'ingot-terraform-'));
const environment = { ...process.env, TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' };
const outcomes = { passed: 0, failed: 0, 'not run': 0 };

function say(check, outcome, detail = '') {
  outcomes[outcome] += 1;
  console.log(`${check}: ${outcome}${detail === '' ? '' : `: ${detail}`}`);
}

function terraform(...args) {
  const { error, status, stdout, stderr } = spawnSync('terraform', args, { cwd: join(work, 'terraform'), env: environment, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return { error, ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}`.trim() };
}

function check(name, ...args) {
  const { ok, output } = terraform(...args);
  if (!ok) console.error(output);
  say(name, ok ? 'passed' : 'failed', output.match(/\d+ passed, \d+ failed/)?.[0]);
  return ok;
}

/** Why Terraform cannot be used here; undefined when it can. */
function whyNot() {
  const { error, ok, output } = terraform('version', '-json');
  if (error !== undefined) return error.code === 'ENOENT' ? 'terraform is not installed' : error.message;
  if (!ok) return output.split('\n')[0];
  const version = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)).terraform_version;
  const parts = version.split(/[.-]/).map(Number);
  const older = OLDEST.findIndex((least, at) => parts[at] !== least);
  if (older >= 0 && parts[older] < OLDEST[older]) return `terraform ${version} is older than ${OLDEST.join('.')}`;
  console.log(`terraform ${version}`);
  return undefined;
}

/** Has the providers installed. @returns whether they are; 'not run' when they cannot be had */
function initialise() {
  const { ok, output } = terraform('init', '-backend=false', '-input=false', '-no-color');
  if (ok) {
    for (const [line] of output.matchAll(/^- (Installed|Using previously-installed).*$/gm)) console.log(line);
    say('init', 'passed', options.mirror === undefined ? '' : 'providers from the mirror, lock file not checked');
    return true;
  }
  // Terraform wraps what it says at 78 columns, behind a bar.
  const said = output.slice(Math.max(0, output.search(/^│? ?Error:/m))).replace(/[\s│╷╵]+/g, ' ').trim();
  if (UNREACHABLE.test(said)) {
    ['init', 'validate', 'test'].forEach((name) => say(name, 'not run', `the providers cannot be had: ${said.slice(0, 300)}`));
  } else {
    console.error(output);
    say('init', 'failed');
  }
  return false;
}

function run() {
  cpSync(source, join(work, 'terraform'), { recursive: true, filter: (path) => basename(path) !== '.terraform' });
  cpSync(join(source, '../deploy/prometheus'), join(work, 'deploy/prometheus'), { recursive: true }); // the alerting rules
  const reason = whyNot();
  if (reason !== undefined) return ['fmt', 'init', 'validate', 'test'].forEach((name) => say(name, 'not run', reason));
  check('fmt', 'fmt', '-check', '-diff', '-recursive');
  if (options.mirror !== undefined) {
    environment.TF_CLI_CONFIG_FILE = join(work, 'mirror.tfrc');
    writeFileSync(environment.TF_CLI_CONFIG_FILE, `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(resolve(options.mirror))}\n  }\n}\n`);
    rmSync(join(work, 'terraform', '.terraform.lock.hcl'), { force: true });
  }
  if (!initialise()) return;
  if (!check('validate', 'validate', '-no-color')) return;
  const tests = readdirSync(join(source, 'tests')).filter((file) => file.endsWith('.tftest.hcl') && file !== 'environment.tftest.hcl');
  check('test modules and inputs', 'test', '-no-color', ...tests.map((file) => `-filter=tests/${file}`));
  for (const file of readdirSync(join(source, 'environments'))) {
    check(`test ${basename(file, '.tfvars')}`, 'test', '-no-color', '-filter=tests/environment.tftest.hcl', `-var-file=environments/${file}`);
  }
}

try {
  run();
} finally {
  rmSync(work, { recursive: true, force: true });
}
const failed = outcomes.failed > 0 || (options.require && outcomes['not run'] > 0);
console.log(`terraform: ${failed ? 'failed' : outcomes['not run'] > 0 ? 'not run' : 'passed'} (${Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`).join(', ')})`);
process.exitCode = failed ? 1 : 0;
