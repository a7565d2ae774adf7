import { cli } from '../src/cli.js';

export interface CommandLineTerms {
  readonly databaseUrl?: string;
  readonly sqlDir?: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly colours?: boolean;
  readonly signal?: AbortSignal;
  /** Told of each piece of stdout and stderr as it comes, for tests that act while a command runs. */
  readonly onOutput?: (text: string) => void;
}

export interface CommandLineResult {
  /** 0 ok, 1 failed, 2 wrong usage. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Every line the progress line ever was. */
  readonly progress: readonly string[];
}

/** Runs one command line in this process, e.g. `runCli(['runs', '--json'], { databaseUrl, sqlDir })`. */
export async function runCli(args: readonly string[], terms: CommandLineTerms = {}): Promise<CommandLineResult> {
  let stdout = '';
  let stderr = '';
  const progress: string[] = [];
  const code = await cli(args, {
    env: { ...(terms.databaseUrl === undefined ? {} : { DATABASE_URL: terms.databaseUrl }), ...(terms.sqlDir === undefined ? {} : { INGOT_SQL_DIR: terms.sqlDir }), ...terms.env },
    out: (text) => {
      stdout += text;
      terms.onOutput?.(text);
    },
    say: (line) => {
      stderr += `${line}\n`;
      terms.onOutput?.(`${line}\n`);
    },
    progress: (line) => {
      if (line !== undefined) progress.push(line);
    },
    colours: terms.colours ?? false,
    signal: terms.signal ?? new AbortController().signal,
  });
  return { code, stdout, stderr, progress };
}

/** The JSON document a command wrote. */
export function jsonOf<T = unknown>({ stdout }: CommandLineResult): T {
  return JSON.parse(stdout) as T;
}
