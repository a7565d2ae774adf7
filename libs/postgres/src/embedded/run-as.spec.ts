import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chooseRunAs, commandAs } from './run-as.js';

const asRoot = process.getuid?.() === 0 && process.platform === 'linux' ? describe : describe.skip;
const NOBODY = 65534;

asRoot('chooseRunAs, started by root', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-run-as-'));
    chmodSync(folder, 0o755);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const choose = () => chooseRunAs(path.join(folder, 'postgres'), '/bin/sh');

  it('drops to an account that can get there', () => {
    const as = choose();
    expect(as).toMatchObject({ kind: 'user' });
    expect(as).not.toMatchObject({ uid: 0 });
  });

  it('stays with the owner of what is there', () => {
    mkdirSync(path.join(folder, 'postgres'));
    writeFileSync(path.join(folder, 'postgres', 'PG_VERSION'), '18\n');
    expect(choose()).toEqual({ kind: 'namespace' }); // made in a namespace, so root's
    chownSync(path.join(folder, 'postgres'), 4242, 4243);
    expect(choose()).toEqual({ kind: 'user', uid: 4242, gid: 4243 });
  });

  it('prefers the owner of the folder, who may enter where others may not', () => {
    chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o700);
    expect(choose()).toEqual({ kind: 'user', uid: NOBODY, gid: NOBODY });
  });

  it('goes into a namespace where only root may enter', () => {
    chmodSync(folder, 0o700);
    expect(choose()).toEqual({ kind: 'namespace' });
  });

  it('wraps the command accordingly, and never works in our own folder', () => {
    expect(commandAs({ kind: 'user', uid: 1, gid: 2 }, '/x/initdb', ['-D', 'a b'])).toEqual({ file: '/x/initdb', args: ['-D', 'a b'], options: { cwd: '/', uid: 1, gid: 2 } });
    expect(commandAs({ kind: 'namespace' }, '/x/initdb', ['-k'])).toMatchObject({ file: '/usr/bin/unshare', args: expect.arrayContaining(['/x/initdb', '-k']) });
  });
});
