import { terminal } from './terminal.js';

const io = terminal(process, process.env); // listens for signals before the commands are loaded
const { cli } = await import('./cli.js');
process.exitCode = await cli(process.argv.slice(2), io);
