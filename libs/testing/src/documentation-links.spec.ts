import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const filesBelow = (folder: string, end: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(end) && !name.includes('.terraform')).map((name) => path.join(folder, name));
const PAGES = [...readdirSync('.').filter((name) => name.endsWith('.md')), ...['docs', 'deploy', 'terraform', 'apps'].flatMap((folder) => filesBelow(folder, '.md'))];

const read = (page: string): string => readFileSync(page, 'utf8');
const withoutCode = (text: string): string => text.replaceAll(/^(```+)[^]*?^\1$/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** As GitHub names the headings of a page, the second of a name with -1. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replaceAll(/^(```+)[^]*?^\1$/gm, '').matchAll(/^#+ (.*)$/gm)) {
    const name = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, '').trim().replaceAll(' ', '-');
    for (let copy = 0; ; copy++) {
      const anchor = copy === 0 ? name : `${name}-${copy}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  return anchors;
}

/** Links of a page to files and headings that are not there. */
function brokenLinks(page: string): string[] {
  const text = withoutCode(read(page));
  return [...text.matchAll(/\]\((?<target>[^)\s]+)\)/g)].flatMap(({ groups }) => {
    const target = groups?.['target'] ?? '';
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const at = file === '' ? page : path.join(path.dirname(page), file);
    if (!existsSync(at)) return [`${page}: ${target}: there is no ${at}`];
    if (anchor === undefined || !at.endsWith('.md') || anchorsOf(read(at)).has(anchor)) return [];
    return [`${page}: ${target}: ${at} has no such heading`];
  });
}

describe('the documentation', () => {
  it('links to files and headings that are there', () => {
    expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/runbooks/IngotDown.md']));
    expect(PAGES.flatMap(brokenLinks)).toEqual([]);
  });

  it('names files and folders that are there: docs/architecture.md', () => {
    const names = [...read('docs/architecture.md').matchAll(/`((?:apps|libs|db|sql|bench|deploy|terraform)\/[^`\s]*)`/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => !existsSync(name))).toEqual([]);
    // A file named without its folder stands in the row of its folder.
    const rows = read('docs/architecture.md').split('\n').filter((line) => /^\| `[a-z]+\/[^`]*` \|/.test(line) && !line.includes('.db-spec') && !line.includes('.e2e-spec'));
    const missing = rows.flatMap((row) => {
      const folder = /^\| `([^`]+)`/.exec(row)?.[1] ?? '';
      return [...row.matchAll(/`([\w.-]+\.ts|[\w-]+\/)`/g)].map(([, name = '']) => path.join(folder, name)).filter((name) => !existsSync(name));
    });
    expect(missing).toEqual([]);
  });

  it('draws an arrow between two parts where one imports the other', () => {
    const drawn = [...read('docs/architecture.md').matchAll(/^ {2}(\w+)(?:\[[^\]]*\])? --> (.*)$/gm)]
      .filter(([, from = '']) => ['api', 'cli', 'models', 'endpoints', 'keys', 'postgres'].includes(from))
      .flatMap(([, from = '', to = '']) => to.split('&').map((name) => `${from} ${name.trim().replace(/\[.*/, '')}`));
    for (const arrow of drawn) {
      const [from = '', to = ''] = arrow.split(' ');
      const folder = ['api', 'cli'].includes(from) ? `apps/${from}/src` : `libs/${from}/src`;
      const imports = filesBelow(folder, '.ts').some((file) => !file.endsWith('spec.ts') && read(file).includes(`'@ingot/${to}'`));
      expect([arrow, imports]).toEqual([arrow, true]);
    }
    expect(drawn.length).toBeGreaterThan(8);
  });
});
