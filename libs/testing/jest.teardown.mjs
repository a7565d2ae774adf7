export default async () => {
  const cluster = globalThis.__ingotTestCluster;
  if (cluster === undefined) return;
  globalThis.__ingotTestCluster = undefined;
  delete process.env.INGOT_TEST_SERVER_URL;
  await cluster.stop();
};
