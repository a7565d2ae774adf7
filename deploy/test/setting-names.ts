import { readFileSync } from 'node:fs';
import { loadConfig } from '@ingot/config';

/** Every variable of the service. A test of libs/config keeps .env.example equal to the settings. */
export function settingNames(): Set<string> {
  return new Set([...readFileSync('.env.example', 'utf8').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name));
}

/** Whether `NAME_FILE` may stand in for NAME: the configuration then complains of the missing file, not of the name. */
export function takesFile(name: string): boolean {
  try {
    loadConfig({ [`${name}_FILE`]: '/nonexistent/secret' });
  } catch (error) {
    return (error as Error).message.includes('cannot be read (ENOENT)');
  }
  return false;
}
