import { cli } from './cli.js';
import { terminal } from './terminal.js';

process.exitCode = await cli(process.argv.slice(2), terminal(process, process.env));
