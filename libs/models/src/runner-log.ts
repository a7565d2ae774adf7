/** Where a runner tells what happens; a pino logger fits. */
export interface RunnerLog {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
