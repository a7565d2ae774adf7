import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { confineRequest } from './confine-request.js';
import type { Parameter } from './parameter.js';
import { readRequest } from './request-parameters.js';

const parameter = (name: string, more: Partial<Parameter>): Parameter => ({ name, type: 'text', required: false, description: 'x', endOfDay: false, ...more });
const endpoint = (type: 'text' | 'list') => ({
  name: 'e',
  deviceParameter: 'device',
  parameters: [parameter('name', {}), parameter('device', type === 'list' ? { type, of: 'text', maxItems: 100 } : {})],
  formats: ['json'] as const,
  arms: [],
});
const confined = (type: 'text' | 'list', query: string, device: string): string | null | undefined => {
  const asked = readRequest(endpoint(type), `/e?${query}`);
  const request = confineRequest(endpoint(type), asked, device);
  expect(request.values.get('name')).toBe(asked.values.get('name'));
  return request.values.get('device');
};
const said = (devices: readonly string[]): string => devices.map((device) => `device=${encodeURIComponent(device)}`).join('&');

describe('confineRequest', () => {
  it('sets the device where none is asked for, or that one', () => {
    expect([confined('text', 'name=x', 'd1'), confined('text', 'device=d1', 'd1')]).toEqual(['d1', 'd1']);
    expect([confined('list', 'name=x', 'd1'), confined('list', 'device=d2,d1,d3', 'd1'), confined('list', 'device=d1', 'd1')]).toEqual(['{"d1"}', '{"d1"}', '{"d1"}']);
  });

  it('makes every other device one that never was', () => {
    const others = ['d2', 'D1', 'd1 ', 'default', '{"d1"}', 'd1"'];
    expect(new Set(others.map((device) => confined('text', said([device]), 'd1'))).size).toBe(1);
    expect(confined('text', 'device=d2', 'd1')).not.toMatch(/^[\x20-\x7e]+$/);
    expect(others.map((device) => confined('list', said([device]), 'd1'))).toEqual(others.map(() => '{}'));
  });

  it('never lets another device through, whatever is asked for', () => {
    const device = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('d', '1', '"', '\\', '{', '}', ' ', "'", 'x') });
    fc.assert(fc.property(device, fc.array(device, { maxLength: 4 }), (own, asked) => {
      const literal = confined('list', said(asked), own);
      const item = `{"${own.replace(/["\\]/g, '\\$&')}"}`;
      expect(literal).toBe(asked.length === 0 || asked.includes(own) ? item : '{}');
    }));
  });

  it('is not for an endpoint that does not say whose rows it reads', () => {
    const { name, parameters } = endpoint('text');
    expect(() => confineRequest({ name, parameters }, { values: new Map() }, 'd1')).toThrow('does not say whose rows');
  });
});
