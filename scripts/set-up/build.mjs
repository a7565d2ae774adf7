// Is dist/ what the sources compile to?
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runTool } from './run-tool.mjs';

const FOLDERS = ['apps', 'bench', 'db', 'libs'];
const FILES = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
const NOT_COMPILED = /spec\.ts$/;
const ENTRY = 'apps/api/src/main.js';
const stampOf = (dist) => path.join(dist, '.inputs');

/** True when dist/ was built from the inputs as they are now. Reading and hashing them takes some 10 ms. */
export function buildIsCurrent(root) {
  const dist = path.join(root, 'dist');
  try {
    return existsSync(path.join(dist, ENTRY)) && readFileSync(stampOf(dist), 'utf8') === hashOfInputs(root);
  } catch {
    return false;
  }
}

/** Compiles into a folder of its own and swaps it in when it is whole: a build that fails leaves the old one in place. */
export async function build(root, say) {
  say('Building...');
  const work = path.join(root, '.ingot', 'set-up');
  const fresh = path.join(root, 'dist.fresh');
  const old = path.join(root, 'dist.old');
  const inputs = hashOfInputs(root); // taken before: a file saved during the build makes the next start build again
  const config = path.join(work, 'tsconfig.json');
  mkdirSync(work, { recursive: true });
  writeFileSync(config, JSON.stringify({ extends: '../../tsconfig.build.json', compilerOptions: { outDir: '../../dist.fresh' } }));
  const remove = (folder) => rmSync(folder, { recursive: true, force: true });
  remove(fresh);
  try {
    await runTool('The build', process.execPath, [path.join('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build', 'api', '--path', path.relative(root, config)], root);
    if (!existsSync(path.join(fresh, ENTRY))) throw new Error(`The build made no ${ENTRY}`);
    writeFileSync(stampOf(fresh), inputs);
    remove(old);
    if (existsSync(path.join(root, 'dist'))) renameSync(path.join(root, 'dist'), old);
    renameSync(fresh, path.join(root, 'dist'));
  } finally {
    remove(old);
    remove(fresh);
  }
}

/** A hash over names and contents of everything that the build reads. */
export function hashOfInputs(root) {
  const hash = createHash('sha256');
  const add = (name) => {
    const content = readFileSync(path.join(root, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  };
  for (const name of FILES) if (existsSync(path.join(root, name))) add(name);
  for (const folder of FOLDERS) sources(root, folder).forEach(add);
  return hash.digest('hex');
}

function sources(root, folder) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return sources(root, name);
      return entry.name.endsWith('.ts') && !NOT_COMPILED.test(entry.name) ? [name] : [];
    })
    .sort();
}
