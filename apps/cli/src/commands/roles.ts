import { databaseRoles, grantRights, roleStatements } from '@ingot/db';
import { Command } from 'commander';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatTable } from '../output/table.js';

export const rolesCommand = (io: Io): Command => new Command('roles')
  .description('the database roles of the service, who logs in with them, and the statements for what lacks; grants the rights of those that exist')
  .addOption(jsonOption())
  .action(({ json }: { json?: boolean }) => withDatabase(io, { name: 'ingot roles' }, async ({ client }) => {
    await grantRights(client);
    const roles = await databaseRoles(client);
    const statements = await roleStatements(client, roles);
    if (json) return writeJson(io, { roles, statements });
    io.out(formatTable(io, [{ title: 'role' }, { title: 'exists' }, { title: 'logins' }], roles.map(({ role, exists, logins }) => [role, exists ? 'yes' : 'no', logins.join(', ')])));
    if (statements.length === 0) return;
    io.out(`\n-- For somebody who may make roles; put passwords in. Then \`ingot roles\` once more.\n${statements.join('\n')}\n`);
  }));
