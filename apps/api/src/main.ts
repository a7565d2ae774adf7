import { listenForStop } from './stop-signal.js';

const stop = listenForStop();
const { runService } = await import('./run-service.js'); // takes a moment to load
await runService(process.env, stop);
