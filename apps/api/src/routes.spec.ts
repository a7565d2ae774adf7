import { describe, expect, it } from '@jest/globals';
import { Routes } from './routes.js';

const routes = new Routes();
for (const path of ['/runs/:id', '/models/:name', '/quarantine/entries/:id', '/docs/assets/:file', '/latest']) routes.add(['GET', 'HEAD'], path);

describe('a path that no route answers', () => {
  it('is told what is near, parameters of a route being whatever was asked', () => {
    expect(routes.refusal('GET', '/latst').message).toContain('Did you mean GET /latest?');
    expect(routes.refusal('GET', `/run/${'a'.repeat(90)}`).message).toContain('Did you mean GET /runs/:id');
  });

  it('is compared with none when it is long: nobody has shown a key yet', () => {
    const began = process.cpuUsage(); // not the clock: others may use the processor too
    expect(routes.refusal('GET', `/run/${'a'.repeat(8_000)}`).members).toEqual({ nearest: [] });
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(1_000); // 0.1 ms; 50 s when every letter was compared with every other
  });
});
