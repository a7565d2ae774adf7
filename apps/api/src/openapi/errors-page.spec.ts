import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { PROBLEMS, type ProblemCode } from '../problem.js';
import { errorsPage } from './pages/errors-page.js';
import { PROBLEM_CODES, problemSchemaName, problemSchemas } from './schemas/problem-schemas.js';

const [head = '', ...parts] = readFileSync('docs/errors.md', 'utf8').split(/^## /m);
const sections = new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part]));
const ajv = new Ajv2020({ schemas: Object.entries(problemSchemas()).map(([name, schema]) => ({ ...schema, $id: name })) });
const exampleIn = (text: string): unknown => JSON.parse(/```json\n([^]*?)\n```/.exec(text)?.[1] ?? 'null');

function expectRight(code: ProblemCode, example: unknown): void {
  const isRight = ajv.validate(problemSchemaName(code), example);
  expect([isRight, ajv.errors]).toEqual([true, null]);
}

describe('docs/errors.md', () => {
  it('has one section for each problem, in the order of their statuses', () => {
    expect([...sections.keys()].sort()).toEqual([...PROBLEM_CODES].sort());
    const statuses = [...sections.keys()].map((code) => PROBLEMS[code as ProblemCode][0]);
    expect(statuses).toEqual([...statuses].sort((a, b) => a - b));
  });

  it.each(PROBLEM_CODES)('%s: says the status first, and shows a body as the service sends it', (code) => {
    const section = sections.get(code) ?? '';
    expect(section).toMatch(new RegExp(`^${code}\n\`${PROBLEMS[code][0]}\``));
    expectRight(code, exampleIn(section));
  });

  it('shows a right body at its head', () => {
    expectRight('not-found', exampleIn(head));
  });

  it('is a page with an anchor for each code, so that a type can be followed', async () => {
    const page = await errorsPage();
    for (const code of PROBLEM_CODES) expect(page).toContain(`<h2 id="${code}">`);
    expect(page).toContain('href="#database-unavailable"');
  });
});

describe('the schema of a problem', () => {
  it('refuses another type, status, or a member that is not documented', () => {
    const right = exampleIn(sections.get('overloaded') ?? '') as Record<string, unknown>;
    for (const wrong of [{ type: '/docs/errors#internal' }, { status: 500 }, { success: true }, { stack: 'at x' }, { outcome: 'stored' }, { instance: undefined }]) {
      expect(ajv.validate(problemSchemaName('overloaded'), JSON.parse(JSON.stringify({ ...right, ...wrong })))).toBe(false);
    }
  });
});
