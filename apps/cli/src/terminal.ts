import type { Io } from './io.js';
import { Stopped } from './stopped.js';

const CLEAR_LINE = '\r\u001b[2K';

/** The io of a real process: results on stdout, words for people on stderr. A second signal ends it at once. */
export function terminal(process: NodeJS.Process, env: Io['env']): Io {
  const { stdout, stderr } = process;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort(new Stopped(signal));
    });
  }
  let shown: string | undefined;
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    if (shown !== undefined) stderr.write(CLEAR_LINE);
    stream.write(text);
    if (shown !== undefined) stderr.write(shown);
  };
  return {
    env,
    out: (text) => write(stdout, text),
    say: (line) => write(stderr, `${line}\n`),
    progress: (line) => {
      if (!stderr.isTTY) return;
      if (shown !== undefined || line !== undefined) stderr.write(`${CLEAR_LINE}${line ?? ''}`);
      shown = line;
    },
    // One answer for both streams: a log file that one of them goes to is to stay plain.
    colours: stdout.isTTY && stderr.isTTY && !env.NO_COLOR,
    signal: stop.signal,
  };
}
