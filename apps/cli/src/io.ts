/** What a command talks to: the process in `main.ts`, strings in tests. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results, for pipes: text as it stands. */
  out(text: string): void;
  /** Progress, warnings and errors: one line. */
  say(line: string): void;
  /** True on a terminal that has not been told otherwise (NO_COLOR). */
  readonly colours: boolean;
}
