import { rmSync } from 'node:fs';

export default async () => {
  const server = globalThis.__ingotTestServer;
  if (server === undefined) return;
  globalThis.__ingotTestServer = undefined;
  delete process.env.INGOT_TEST_SERVER_URL;
  await server.stop();
  rmSync(server.dir, { recursive: true, force: true });
};
