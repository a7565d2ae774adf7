import { beforeAll, describe, expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expose } from './exposition.js';
import { parseMetrics } from '../test/prometheus-text.js';

describe('the two formats of a scrape', () => {
  const registry = new Registry();
  beforeAll(() => {
    const registers = [registry];
    new Counter({ name: 'ingot_lines_total', help: 'Lines "in".', labelNames: ['source'], registers }).inc({ source: 'a"b\\c\nd' }, 3);
    new Gauge({ name: 'ingot_handles_total', help: 'A gauge that is called like a counter.', registers }).set(1);
    new Histogram({ name: 'ingot_seconds', help: 'Times.', buckets: [0.1, 1], registers }).observe(0.5);
  });

  it('is text 0.0.4 for who does not ask', async () => {
    const { contentType, body } = await expose(registry, undefined);
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toContain('# TYPE ingot_lines_total counter\ningot_lines_total{source="a\\"b\\\\c\\nd"} 3\n');
    expect([...parseMetrics(body).keys()]).toEqual(['ingot_lines_total', 'ingot_handles_total', 'ingot_seconds']);
  });

  it('is OpenMetrics for Prometheus: the family of a counter without _total, no empty lines, an end', async () => {
    const { contentType, body } = await expose(registry, 'application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1');
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(body).toContain('# HELP ingot_lines Lines "in".\n# TYPE ingot_lines counter\ningot_lines_total{source="a\\"b\\\\c\\nd"} 3\n# HELP ingot_handles_total');
    expect(body).not.toContain('\n\n');
    expect(body.endsWith('\ningot_seconds_count 1\n# EOF\n')).toBe(true);
    parseMetrics(body);
  });

  it('shows the same again afterwards: asking for one format does not change the other', async () => {
    const before = await expose(registry, undefined);
    await expose(registry, 'application/openmetrics-text');
    expect(await expose(registry, undefined)).toEqual(before);
  });

  it.each([
    ['application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2', 'application/openmetrics-text'],
    ['text/plain;q=0.9,application/openmetrics-text;q=0.1', 'text/plain'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/plain'],
    ['*/*', 'text/plain'],
    ['application/json', 'text/plain'],
    ['application/openmetrics-text;q=0', 'text/plain'],
    [';;,,=', 'text/plain'],
  ])('takes %s for %s', async (accept, type) => {
    expect((await expose(registry, accept)).contentType.split(';')[0]).toBe(type);
  });
});
