import pluginVue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'

const onlyTheClientFetches = ['fetch', 'XMLHttpRequest', 'EventSource'].map((name) => ({
  name,
  message: 'Only src/api/client.ts talks HTTP.',
}))
const onlyTheSocketListens = [{ name: 'WebSocket', message: 'Only src/realtime/socket.ts opens a socket.' }]

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.d.ts'] },
  ...tseslint.configs.strict,
  ...tseslint.configs.stylistic,
  ...pluginVue.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      'no-console': 'error',
      'no-undef': 'off',
      'no-restricted-globals': ['error', ...onlyTheClientFetches, ...onlyTheSocketListens],
      'no-restricted-properties': [
        'error',
        ...['window', 'globalThis', 'self'].flatMap((object) =>
          ['fetch', 'WebSocket', 'XMLHttpRequest', 'EventSource'].map((property) => ({ object, property })),
        ),
      ],
      // A raw HTML sink is allowed in one component only, after sanitising.
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'error',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/require-default-prop': 'off',
    },
  },
  { files: ['src/App.vue'], rules: { 'vue/multi-word-component-names': 'off' } },
  {
    files: ['src/api/client.ts'],
    rules: { 'no-restricted-globals': ['error', ...onlyTheSocketListens] },
  },
  {
    files: ['src/realtime/socket.ts'],
    rules: { 'no-restricted-globals': ['error', ...onlyTheClientFetches], 'no-restricted-properties': 'off' },
  },
  {
    files: ['src/components/ui/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['@/components/chat/*', '@/components/studio/*', '@/stores/*', '@/pages/*', '@/api/*'],
              message: 'components/ui knows no domain.',
            },
          ],
        },
      ],
    },
  },
)
