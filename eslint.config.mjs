import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/**', 'dist.*/**', 'node_modules/**', 'coverage/**', '.ingot/**', '**/*.mjs', '**/*.cjs'] },
  eslint.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Only libs/config reads the environment.' }],
      'max-lines': ['error', { max: 260, skipBlankLines: false, skipComments: false }],
    },
  },
  { files: ['apps/*/src/main.ts', 'apps/cli/src/*.command.ts'], rules: { 'no-restricted-properties': 'off' } }, // the entries hand process.env to loadConfig
  { files: ['bench/src/process.ts'], rules: { 'no-restricted-properties': 'off' } }, // what is measured gets a PATH, and nothing of the caller's settings
  { files: ['**/*spec.ts', 'apps/api/test/**', 'apps/api/faults/**', 'deploy/**', 'libs/testing/**', 'libs/*/test/**'], rules: { 'no-restricted-properties': 'off', 'max-lines': ['error', 500] } },
);
