import { ConfigError } from '@ingot/config';

/** Errors whose message is written for the person at the terminal: one clear line for each problem. */
const PLAIN = new Set(['ConfigError', 'DatasetError', 'EmbeddedServerError', 'ServerCheckError', 'ClusterIdentityError', 'ApplyError']);

/** What to print when the start or the stop fails: the clear lines of a known error, the stack of an unknown one. */
export function explain(error: unknown): string[] {
  if (error instanceof ConfigError) return error.problems.map((problem) => `ingot: ${problem}`);
  if (!(error instanceof Error)) return [`ingot: ${String(error)}`];
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return [`ingot: ${listenAddress(error)} is taken by another process; stop it or set PORT to a free one`];
  if (code === 'EACCES' && 'port' in error) return [`ingot: not allowed to listen on ${listenAddress(error)}; set PORT to one above 1023`];
  if (code === 'EADDRNOTAVAIL' || (code === 'ENOTFOUND' && 'hostname' in error)) return [`ingot: HOST: this machine has no address ${listenAddress(error)}`];
  if (PLAIN.has(error.name)) return error.message.split('\n').map((line) => `ingot: ${line}`);
  return [`ingot: ${error.stack ?? error.message}`];
}

function listenAddress(error: Error): string {
  const { address, port, hostname } = error as { address?: string; port?: number; hostname?: string };
  return `${address ?? hostname ?? ''}${port === undefined ? '' : `:${port}`}`;
}
