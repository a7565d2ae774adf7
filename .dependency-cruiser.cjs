// The directions of the tree: apps -> libs/{models,endpoints} -> libs/{datasets,postgres} -> libs/config.
const forbid = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });
const SPECS = '\\.(spec|db-spec|e2e-spec)\\.ts$|^libs/[^/]+/test/|^apps/api/faults/'; // and what only specs import

module.exports = {
  forbidden: [
    forbid('no-circular', {}, { circular: true }, 'Data flows one way.'),
    forbid('libs-never-import-nest', { path: '^libs/' }, { path: 'node_modules/@nestjs/' }, 'Libraries work without the web framework.'),
    forbid('libs-never-import-apps', { path: '^(libs|db)/' }, { path: '^apps/' }),
    forbid('config-is-the-ground', { path: '^libs/config/' }, { path: '^(libs/(?!config/)|db/)' }),
    forbid('postgres-knows-config-only', { path: '^libs/postgres/', pathNot: SPECS }, { path: '^(libs/(?!postgres/|config/)|db/)' }),
    forbid('datasets-are-pure', { path: '^libs/datasets/', pathNot: SPECS }, { path: '^(libs/(?!datasets/|config/)|db/|node_modules/(pg|typeorm|knex)/)' }, 'Reading a project needs no database.'),
    forbid('models-do-not-serve', { path: '^libs/models/', pathNot: SPECS }, { path: '^(libs/(?!models/|datasets/|postgres/|config/)|db/)' }),
    forbid('endpoints-do-not-run-models', { path: '^libs/endpoints/', pathNot: SPECS }, { path: '^(libs/(?!endpoints/|datasets/|postgres/|config/)|db/)' }),
    forbid('keys-know-postgres-only', { path: '^libs/keys/', pathNot: SPECS }, { path: '^(libs/(?!keys/|postgres/|config/)|db/)' }),
    forbid('db-is-a-leaf', { path: '^db/', pathNot: SPECS }, { path: '^libs/(?!config/|postgres/)' }),
    forbid('testing-is-for-tests', { path: '^(apps|libs/(?!testing/)|db)/', pathNot: `${SPECS}|^apps/api/test/` }, { path: '^libs/testing/' }),
    forbid(
      'feature-folders-stay-apart',
      { path: '^apps/api/src/([^/]+)/.+', pathNot: SPECS },
      { path: '^apps/api/src/([^/]+)/.+', pathNot: '^apps/api/src/$1/.+' },
      'ingest, query, transform and operations meet only in app.module.ts.',
    ),
    forbid('e2e-speaks-http-only', { path: '^apps/api/test/' }, { path: '^(apps/api/src|libs/(?!testing/)|db)/' }),
    forbid('bench-stays-outside', { path: '^(apps|libs|db)/' }, { path: '^bench/' }),
    forbid('cli-without-nest', { path: '^apps/cli/' }, { path: 'node_modules/@nestjs/' }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
};
