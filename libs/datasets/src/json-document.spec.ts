import { describe, expect, it } from '@jest/globals';
import { jsonDocument } from './json-document.js';

describe('a JSON document', () => {
  it('has keys in snake_case, instants in ISO 8601, numbers as numbers', () => {
    const document = jsonDocument({ runId: 12n, at: new Date(0), list: [{ dataType: 'text', none: null }], plain: 'camelCase', fromA: { bToC: true } });
    expect(document).toEqual({ run_id: 12, at: '1970-01-01T00:00:00.000Z', list: [{ data_type: 'text', none: null }], plain: 'camelCase', from_a: { b_to_c: true } });
    const typed: { run_id: number; from_a: { b_to_c: boolean } } = document;
    expect(typed.run_id).toBe(12);
  });

  it('leaves the columns of rows, and names that are no camelCase, as they are', () => {
    const rows = { inputRow: { deviceId: 1 }, samples: [{ deviceId: 1 }], INGOT_SQL_DIR: 'sql', failures: [{ samples: [{ aB: 1 }] }] };
    expect(jsonDocument(rows)).toEqual({ input_row: { deviceId: 1 }, samples: [{ deviceId: 1 }], INGOT_SQL_DIR: 'sql', failures: [{ samples: [{ aB: 1 }] }] });
  });

  it('rounds no number: what JavaScript cannot hold is a text', () => {
    expect(jsonDocument([2n ** 53n - 1n, 2n ** 60n])).toEqual([2 ** 53 - 1, '1152921504606846976']);
  });
});
