// For a container's health check, where there is no curl: ends with 0 when the service of this machine takes requests.
const { HOST = '127.0.0.1', PORT = '3000' } = process.env;
const host = ['0.0.0.0', '::', '[::]'].includes(HOST) ? '127.0.0.1' : HOST;

try {
  const answer = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${PORT}/health/ready`, { signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) throw new Error(`${answer.status}: ${(await answer.text()).slice(0, 500)}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
