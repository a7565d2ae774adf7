// Does node_modules hold what package-lock.json says?
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runTool } from './run-tool.mjs';

const stampOf = (root) => path.join(root, 'node_modules', '.ingot-packages');
const installedOf = (root) => path.join(root, 'node_modules', '.package-lock.json');

/**
 * True when nothing is to be installed. npm writes down what it installed; comparing that with the lock file takes
 * some 10 ms, so the outcome is remembered for this pair of files.
 */
export function packagesAreCurrent(root) {
  const pair = fingerprint(root);
  if (pair === undefined) return false;
  if (readOr(stampOf(root)) === pair) return true;
  try {
    const packages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
    if (!matches(packages(path.join(root, 'package-lock.json')), packages(installedOf(root)))) return false;
  } catch {
    return false; // damaged: npm says so, or makes it anew
  }
  remember(root);
  return true;
}

/** Runs `npm ci`. Development packages are needed to build, whatever NODE_ENV says. */
export async function install(root, say) {
  say('Installing packages (about a minute, once)...');
  const [file, ...args] = npmCommand();
  await runTool('npm ci', file, [...args, 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], root);
  remember(root);
}

/** npm leaves out packages of other platforms, which are all optional; everything else must be there in its version. */
export function matches(wanted, installed) {
  const all = new Set([...Object.keys(wanted), ...Object.keys(installed)]);
  all.delete('');
  return [...all].every((name) => {
    if (wanted[name] === undefined) return false;
    if (installed[name] === undefined) return wanted[name].optional === true || wanted[name].devOptional === true;
    return wanted[name].version === installed[name].version && wanted[name].integrity === installed[name].integrity;
  });
}

function remember(root) {
  try {
    writeFileSync(stampOf(root), fingerprint(root) ?? '');
  } catch {
    // A read-only node_modules is compared anew each time.
  }
}

/** The lock file and npm's own record of what it installed; undefined when one is missing. */
function fingerprint(root) {
  try {
    const { mtimeMs, size } = statSync(installedOf(root));
    return `${createHash('sha256').update(readFileSync(path.join(root, 'package-lock.json'))).digest('hex')} ${mtimeMs} ${size}\n`;
  } catch {
    return undefined;
  }
}

/** The npm that runs us, else the one on the PATH. */
function npmCommand() {
  const npm = process.env.npm_execpath;
  if (npm !== undefined && /npm-cli\.[cm]?js$/.test(npm)) return [process.execPath, npm];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

function readOr(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
