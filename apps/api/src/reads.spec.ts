import { describe, expect, it } from '@jest/globals';
import { readTargets } from './reads.js';

describe('readTargets', () => {
  const HERE = 'postgres://owner:o@db.internal:5432/ingot?sslmode=require';

  it.each([
    ['the same URL', HERE],
    ['another login', 'postgres://reader:r@db.internal:5432/ingot'],
    ['the usual port, not written', 'postgres://reader:r@db.internal/ingot'],
  ])('%s is the primary', (_what, readUrl) => {
    expect(readTargets(HERE, readUrl)).toEqual({ primaryUrl: readUrl });
  });

  it.each([
    ['another host', 'postgres://reader:p%40ss@replica.internal:5432/ingot?sslmode=verify-full'],
    ['another port: a pooler', 'postgres://reader:p%40ss@db.internal:6432/ingot'],
    ['another socket folder', 'postgres://reader:p%40ss@db.internal/ingot?host=/cloudsql/replica'],
  ])('%s is a target of its own, and its login reads the primary too, as DATABASE_URL reaches it', (_what, readUrl) => {
    expect(readTargets(HERE, readUrl)).toEqual({ primaryUrl: 'postgres://reader:p%40ss@db.internal:5432/ingot?sslmode=require', replicaUrl: readUrl });
  });

  it('two addresses on one socket folder are one server', () => {
    const socket = (login: string): string => `postgres://${login}@localhost/ingot?host=/cloudsql/primary`;
    expect(readTargets(socket('owner'), socket('reader'))).toEqual({ primaryUrl: socket('reader') });
  });
});
