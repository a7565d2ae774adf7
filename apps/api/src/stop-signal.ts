/**
 * Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. It imports nothing, so that it listens
 * before anything large is loaded: process 1 of a container is not ended by a signal that nobody listens to.
 */
export function listenForStop(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
    });
  }
  return stop.signal;
}
