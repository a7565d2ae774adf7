import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { copyOf, readStages, textOf, type Stage } from '../dockerfile.js';

const dockerignore = createRequire(import.meta.url)('@balena/dockerignore') as () => { add(lines: string[]): { ignores(name: string): boolean } };

/**
 * Carries out COPY and RUN of all stages but the last in folders below `root`, and the COPY of the last: what a build by
 * Docker does, without its base image and without its isolation. RUN of the last stage changes the base image only and is
 * not carried out; nor would one be that names an absolute path, as that is one of this machine here.
 * @returns the folder that stands for the root of the service's image
 */
export function buildImage(root: string): string {
  const folders = new Map<string, string>();
  const stages = readStages();
  for (const stage of stages) {
    const folder = path.join(root, stage.name);
    mkdirSync(folder);
    folders.set(stage.name, folder);
    carryOut(stage, folder, folders, stage === stages.at(-1));
  }
  return folders.get(stages.at(-1)!.name)!;
}

function carryOut(stage: Stage, folder: string, folders: ReadonlyMap<string, string>, last: boolean): void {
  let place = '/';
  const inside = (name: string): string => path.join(folder, path.posix.resolve(place, name));
  for (const instruction of stage.instructions) {
    if (instruction.getKeyword() === 'WORKDIR') {
      place = path.posix.resolve(place, textOf(instruction));
      mkdirSync(inside('.'), { recursive: true });
    } else if (instruction.getKeyword() === 'COPY') {
      const { sources, destination, from } = copyOf(instruction);
      for (const source of sources) {
        if (from === undefined) copyContext(source, inside(destination), sources.length > 1 || destination.endsWith('/'));
        else cpSync(path.join(folders.get(from)!, source), inside(destination), { recursive: true, verbatimSymlinks: true });
      }
    } else if (instruction.getKeyword() === 'RUN' && !last) run(textOf(instruction), inside('.'));
  }
}

/** A file or folder of the checkout, as far as .dockerignore lets it in. */
function copyContext(source: string, destination: string, into: boolean): void {
  const ignored = dockerignore().add(readFileSync('.dockerignore', 'utf8').split('\n'));
  const never = new Set(['node_modules', '.git', '.ingot', 'dist']); // they are ignored too, and slow to walk
  const copy = (name: string): void => {
    if (statSync(name).isDirectory()) readdirSync(name).filter((entry) => !never.has(entry)).forEach((entry) => copy(path.posix.join(name, entry)));
    else if (!ignored.ignores(name)) cpSync(name, into ? path.join(destination, path.basename(name)) : path.join(destination, name));
  };
  copy(source);
}

function run(command: string, cwd: string): void {
  if (/(^|[\s='"])\//.test(command)) throw new Error(`not carried out here, as it names an absolute path: ${command}`);
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], { cwd, encoding: 'utf8', env: cleanEnvironment(), maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`);
}

/** What an image build has of ours: a PATH, and npm's cache. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'npm_config_registry', 'npm_config_cache', 'NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'https_proxy'];
  return Object.fromEntries(kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

/** Every file below a folder, relative to it, with its size in bytes. */
export function filesBelow(folder: string): Map<string, number> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(names.map((name) => [name, statSync(path.join(folder, name))] as const).filter(([, stat]) => stat.isFile()).map(([name, stat]) => [name, stat.size]));
}
