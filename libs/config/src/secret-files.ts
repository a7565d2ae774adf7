import { readFileSync } from 'node:fs';

/** The environment with what secret files hold in it, and what is wrong with those files. */
export interface WithSecretFiles {
  readonly env: Record<string, string | undefined>;
  readonly problems: readonly string[];
}

/**
 * Lets `NAME_FILE` name a file that holds the value of `NAME`, as secrets are mounted into containers: what stands in
 * the environment itself is seen by whoever may inspect the process or the container.
 * @param names of the variables that hold secrets
 */
export function withSecretFiles(env: Record<string, string | undefined>, names: readonly string[]): WithSecretFiles {
  const filled = { ...env };
  const problems: string[] = [];
  for (const name of names) {
    const file = env[`${name}_FILE`];
    delete filled[`${name}_FILE`];
    if (file === undefined || file === '') continue;
    if (env[name] !== undefined) problems.push(`${name}_FILE: ${name} is set too; give one of them`);
    else filled[name] = read(name, file, problems);
  }
  return { env: filled, problems };
}

function read(name: string, file: string, problems: string[]): string | undefined {
  try {
    const value = readFileSync(file, 'utf8').trim(); // editors and `echo` end a file with a line end
    if (value !== '') return value;
    problems.push(`${name}_FILE=${JSON.stringify(file)}: is empty`);
  } catch (error) {
    problems.push(`${name}_FILE=${JSON.stringify(file)}: cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  return undefined;
}
