/** What a command talks to: the process in `main.ts`, strings in tests. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results, for pipes: text as it stands. */
  out(text: string): void;
  /** Progress, warnings and errors: one line. */
  say(line: string): void;
  /** On a terminal: the one line below everything else, each call in the place of the last; undefined removes it. Elsewhere nothing. */
  progress(line: string | undefined): void;
  /** True on a terminal that has not been told otherwise (NO_COLOR). */
  readonly colours: boolean;
  /** Aborted by Ctrl-C: a command that waits or watches ends; one in a transaction lets the server roll it back. */
  readonly signal: AbortSignal;
}
