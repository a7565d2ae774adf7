import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkHeaderKeys } from './header-keys.js';
import { readModelHeader } from './model-header.js';
import { Problems } from './problem.js';
import { Section } from './section.js';
import { readDatasetHeader, readSource } from './source-file.js';

const KEYS = [
  ...['materialized', 'incremental_strategy', 'increment_on', 'lookups', 'unique_key', 'touch_key', 'accumulate', 'order_by', 'merge_update_columns', 'refresh'],
  ...['on_schema_change', 'on_data_error', 'tags', 'columns', 'data_tests', 'indexes', 'description', 'kind', 'path', 'freshness', 'probe_every', 'name', 'where'],
  ...['not_null', 'unique', 'accepted_values', 'in_range', 'matches', 'relationships', 'row_count_change', 'values', 'min', 'to', 'field', 'pattern', 'config', 'every'],
  ...['warn_after', 'count', 'period', 'severity', 'error_if', 'max_increase'],
];
const WORDS = ['table', 'incremental', 'merge', 'append', 'view', 'lines', 'id desc', '1h', '50%', '>10', 'x = 1', 'hour', 'silver.x', "'", 'a\nb', '🚀', ''];

/** YAML (as JSON) of any shape, made of keys and words that headers know. */
const { header } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: 'medium' }, fc.constantFrom(...WORDS), fc.constantFrom(...KEYS), fc.oneof(fc.double(), fc.integer(), fc.boolean(), fc.constant(null)), fc.array(tie('value'), { maxLength: 3 }), tie('header')),
  header: fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 8 }),
}));

describe('a header of any shape', () => {
  it('is read or refused at places inside the file, and never stops the reader', () => {
    fc.assert(
      fc.property(header, (value) => {
        const text = JSON.stringify(value, null, 1);
        const lines = text.split('\n');
        const read = (reader: (problems: Problems) => unknown): void => {
          const problems = new Problems();
          reader(problems);
          for (const { line, column, message } of problems.list) {
            expect(lines[line - 1]).toBeDefined();
            expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
            expect(message).not.toMatch(/undefined|\[object|NaN ms/);
          }
        };
        read((problems) => {
          const section = Section.read({ file: 'f', fileText: text, yaml: text, offset: 0 }, problems);
          if (section === undefined) return;
          checkHeaderKeys(section, readModelHeader(section, 'silver.m', problems), problems);
        });
        read((problems) => readSource('f', text, 'raw', problems));
        read((problems) => readDatasetHeader('f', text, problems));
      }),
      { numRuns: 200 },
    );
  });
});
