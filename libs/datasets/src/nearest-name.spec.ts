import { describe, expect, it } from '@jest/globals';
import { didYouMean, nearestName } from './nearest-name.js';

describe('nearestName', () => {
  it.each([
    ['materialised', ['description', 'materialized'], 'materialized'],
    ['unqiue_key', ['unique_key', 'touch_key'], 'unique_key'],
    ['Voltage', ['voltage'], 'voltage'],
    ['lookup', ['lookups'], 'lookups'],
    ['silver.stg_reading', ['silver.stg_readings', 'bronze.raw_readings'], 'silver.stg_readings'],
    ['zzz', ['description', 'materialized'], undefined],
    ['d', ['n'], undefined],
    ['x', [], undefined],
  ])('of %s among %j is %s', (name, known, nearest) => {
    expect(nearestName(name, known)).toBe(nearest);
  });

  it('is asked as a question, or not at all', () => {
    expect(didYouMean('colums', ['columns'])).toBe('; did you mean columns?');
    expect(didYouMean('zzz', ['columns'])).toBe('');
  });

  it('costs nothing for a name so long that nothing is near', () => {
    const began = process.cpuUsage(); // not the clock: others may use the processor too
    expect(nearestName('x'.repeat(16_000), Array.from({ length: 300 }, (_, i) => `silver.some_model_${i}`))).toBeUndefined();
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(1_000); // 1 ms; 2 minutes when each was compared letter by letter
  });
});
