import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';

const satisfies = createRequire(import.meta.url)('spdx-satisfies') as (expression: string, allowed: string[]) => boolean;

interface Locked {
  readonly license?: string;
  readonly dev?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
}

/** What may be shipped beside an Apache-2.0 program with no more than its notice kept. */
const SHIPPED = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0', 'PostgreSQL', 'Python-2.0', 'Unlicense', 'CC0-1.0'];
/** Tools that only developers run may be under weak copyleft and content licences as well. */
const TOOLS = [...SHIPPED, 'CC-BY-3.0', 'CC-BY-4.0', 'MPL-2.0', 'Zlib'];

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([name]) => name !== '');

/** The lock file's word, else that of the installed package. */
function licenceOf(name: string, { license }: Locked): string {
  if (license !== undefined) return license;
  try {
    const manifest = JSON.parse(readFileSync(`${name}/package.json`, 'utf8')) as { license?: string | { type: string }; licenses?: { type: string }[] };
    return typeof manifest.license === 'string' ? manifest.license : manifest.license?.type ?? (manifest.licenses ?? []).map(({ type }) => type).join(' OR ');
  } catch {
    return 'not known';
  }
}

const allowed = (licence: string, list: string[]): boolean => {
  try {
    return satisfies(licence, list);
  } catch {
    return false; // no SPDX expression
  }
};

describe('the licences of all packages in package-lock.json', () => {
  it('let what is shipped be shipped', () => {
    const refused = packages.filter(([, { dev }]) => dev !== true).map(([name, locked]) => [name, licenceOf(name, locked)]).filter(([, licence = '']) => !allowed(licence, SHIPPED));
    expect(refused).toEqual([]);
    expect(packages.filter(([, { dev }]) => dev !== true).length).toBeGreaterThan(50);
  });

  it('let the tools be used', () => {
    const refused = packages.filter(([, { dev }]) => dev === true).map(([name, locked]) => [name, licenceOf(name, locked)]).filter(([, licence = '']) => !allowed(licence, TOOLS));
    expect(refused).toEqual([]);
  });

  // Without `resolved` npm takes a package from the registry that it is set to use; the checksum is the same.
  it('come from a registry, with a checksum', () => {
    const odd = packages.filter(([, { resolved = '', integrity = '' }]) => !(resolved === '' || resolved.startsWith('https://registry.npmjs.org/')) || !integrity.startsWith('sha512-'));
    expect(odd.map(([name, { resolved, integrity }]) => [name, resolved, integrity])).toEqual([]);
  });
});
