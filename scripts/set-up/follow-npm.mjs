// npm runs a script through a shell, and ending npm ends that shell only: the service would live on, unseen, and hold its
// port and its data. So it follows: when the shell it was started by is gone, it stops as by SIGTERM.
const POLL_MS = 250;

export function followNpm() {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const shell = process.ppid;
  const timer = setInterval(() => process.ppid !== shell && process.kill(process.pid, 'SIGTERM'), POLL_MS);
  timer.unref();
  // A signal that has reached us by itself (Ctrl-C goes to everybody) must not be followed by a second one, which means
  // "at once". While nobody else listens, ours must not take away that a signal ends the process.
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) {
    process.on(signal, () => {
      clearInterval(timer);
      if (process.listenerCount(signal) === 1) process.exit(code);
    });
  }
}
