import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Query } from './dataset.js';
import { parseSelect } from './parser.js';
import { placeOf, withRelations } from './rendered-query.js';
import { countCharacters, placeAt } from './text-position.js';

const HEADER = '/* ---\ndescription: é🚀\n--- */\n';

function queryOf(text: string): Query {
  return { text, file: 'm.sql', offset: HEADER.length, fileText: HEADER + text, mentions: parseSelect(text).mentions };
}

/** The position Postgres would report for an index of the rendered text. */
const positionOf = (text: string, index: number): number => countCharacters(text.slice(0, index)) + 1;

describe('withRelations', () => {
  it('replaces the mentions asked for and nothing else', () => {
    const query = queryOf(`select 'silver.t', "é🚀".x -- silver.t\nfrom silver.t as "é🚀" join silver . /* here */ u using (x)`);
    expect(withRelations(query, () => undefined).text).toBe(query.text);
    expect(withRelations(query, ({ relation }) => (relation === 'silver.t' ? '(select 1 as x)' : undefined)).text).toBe(
      `select 'silver.t', "é🚀".x -- silver.t\nfrom (select 1 as x) as "é🚀" join silver . /* here */ u using (x)`,
    );
    expect(withRelations(query, ({ relation }) => `(${relation})`).text).toBe(
      `select 'silver.t', "é🚀".x -- silver.t\nfrom (silver.t) as "é🚀" join (silver.u) as "u" using (x)`,
    );
  });

  it('keeps words apart', () => {
    expect(withRelations(queryOf('select 1 from"silver"."t"'), () => 'pg_temp.t').text).toBe('select 1 from pg_temp.t as "t"');
    expect(withRelations(queryOf('select 1 from"silver"."t"x'), () => 'pg_temp.t').text).toBe('select 1 from pg_temp.t x');
  });

  it('gives text that means the same when each mention becomes a sub-select of itself', () => {
    const query = queryOf('select t.x, u.y from silver.t, silver.u as u(y) where t.x in (select w.x from gold.w)');
    const again = parseSelect(withRelations(query, ({ relation }) => `(select * from ${relation})`).text);
    expect(again.mentions.map(({ relation }) => relation)).toEqual(['silver.t', 'silver.u', 'gold.w']);
  });
});

describe('placeOf', () => {
  const word = fc.constantFrom('x', 'é', '🚀', '日本', '\n', ' ', "''", 'ab\r\n');
  const literal = fc.array(word, { maxLength: 8 }).map((words) => `'${words.join('')}'`);
  const relations = fc.array(fc.tuple(fc.constantFrom('silver.t', 'gold.longer_name', '"silver".t', 'silver\n.t'), fc.option(fc.constantFrom('a', '"é🚀"'), { nil: undefined })), {
    minLength: 1,
    maxLength: 4,
  });
  const queries = fc.tuple(fc.array(literal, { minLength: 1, maxLength: 3 }), relations, literal).map(([results, from, where]) =>
    queryOf(`select ${results.join(', ')} from ${from.map(([name, alias]) => (alias === undefined ? name : `${name} as ${alias}`)).join(',')} where ${where} <> ''`),
  );
  const replacement = fc.option(fc.constantFrom('(select 1)', '(select 🚀é\nfrom x)', 'pg_temp.t'), { nil: undefined });

  it('maps every position outside the replacements back exactly, and those inside to their mention', () => {
    fc.assert(
      fc.property(queries, fc.array(replacement, { minLength: 4, maxLength: 4 }), fc.nat(40), (query, chosen, prefix) => {
        const rendered = withRelations(query, (mention) => chosen[query.mentions.indexOf(mention)]);
        let [original, index] = [0, 0];
        while (index < rendered.text.length) {
          const replaced = rendered.replacements.find(({ start }) => start === index);
          const here = replaced === undefined ? original : replaced.mention.start;
          const inside = replaced === undefined ? [index] : Array.from({ length: replaced.end - replaced.start }, (_, i) => index + i);
          for (const at of inside) {
            if (/[\udc00-\udfff]/.test(rendered.text[at]!)) continue; // the second half of a character
            expect(placeOf(rendered, positionOf(rendered.text, at) + prefix, prefix)).toEqual(placeAt(query.file, query.fileText, query.offset + here));
          }
          original = replaced === undefined ? original + 1 : replaced.mention.end;
          index = replaced === undefined ? index + 1 : replaced.end;
        }
        expect(original).toBe(query.text.length);
      }),
    );
  });

  it('counts lines from the top of the file and columns in characters', () => {
    const rendered = withRelations(queryOf("select '🚀é',\n nope from silver.t"), () => '(select 1)');
    expect(placeOf(rendered, positionOf(rendered.text, rendered.text.indexOf('nope')))).toEqual({ file: 'm.sql', line: 5, column: 2 });
    expect(placeOf(rendered, positionOf(rendered.text, rendered.text.indexOf(',')))).toEqual({ file: 'm.sql', line: 4, column: 12 });
  });

  it('gives the ends for a position outside', () => {
    const rendered = withRelations(queryOf('select 1'), () => undefined);
    expect(placeOf(rendered, 3, 20)).toEqual({ file: 'm.sql', line: 4, column: 1 });
    expect(placeOf(rendered, 99)).toEqual({ file: 'm.sql', line: 4, column: 9 });
  });
});
