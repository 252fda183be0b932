import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Each ban names its replacement. */
const bans = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'take a Clock from @chaperone/core',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'take Random from @chaperone/core',
  },
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'read the environment in config.ts only',
  },
]

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'charts/chaperone/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      // Ports are objects of closures; none of them has a this.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 135, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 25],
      'max-depth': ['error', 4],
      'max-params': ['error', 4],
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...bans],
    },
  },
  {
    files: [
      '**/*.test.ts',
      '**/testdata/**',
      'packages/testkit/**',
      'charts/tests/**',
      'e2e/**',
      'bench/**',
      'tools/**',
    ],
    rules: {
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': 'off',
      complexity: 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['**/config.ts'], rules: { 'no-restricted-syntax': ['error', ...bans.slice(0, 2)] } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', Buffer: 'readonly', console: 'readonly', fetch: 'readonly' } },
    rules: { 'no-console': 'off' },
  },
)
