import { spawn } from 'node:child_process';

/**
 * Runs a tool quietly to its end; a failing one shows all it said. A signal to us ends the tool too: left behind, it
 * would work on the same files as the next set-up.
 */
export function runTool(name, file, args, cwd) {
  return new Promise((resolve, reject) => {
    const shell = process.platform === 'win32' && file.endsWith('.cmd'); // Node starts no .cmd without one
    const tool = spawn(file, args, { cwd, shell, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    const output = [];
    tool.stdout.on('data', (chunk) => output.push(chunk));
    tool.stderr.on('data', (chunk) => output.push(chunk));
    const forward = (signal) => {
      tool.kill(signal);
      tool.once('close', () => process.exit(signal === 'SIGINT' ? 130 : 143));
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const end = () => signals.forEach((signal) => process.removeListener(signal, forward));
    tool.once('error', (error) => {
      end();
      reject(new Error(`${name} could not be started: ${error.message}`));
    });
    tool.once('close', (code, by) => {
      end();
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      reject(new Error(`${name} failed (${by ?? `exit code ${code}`}); its output is above`));
    });
  });
}
