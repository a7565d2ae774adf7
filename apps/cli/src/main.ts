import { cli } from './cli.js';

process.exitCode = await cli(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  say: (line) => void process.stderr.write(`${line}\n`),
  colours: process.stdout.isTTY && !process.env.NO_COLOR,
});
