import { fileURLToPath, URL } from 'node:url'
import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

const backend = 'http://127.0.0.1:8000'

export default defineConfig(({ command }) => ({
  // Django serves the built files below /static/; the development server serves pages at their own addresses.
  base: command === 'build' ? '/static/' : '/',
  define: {
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  plugins: [
    vue(),
    ui({
      // Every dependency is visible at the top of the file that uses it.
      autoImport: false,
      components: false,
      colorMode: false,
      experimental: { componentDetection: true },
      // Icons are bundled from the installed collection, so no page ever asks a foreign host.
      icon: { clientBundle: { scan: { globInclude: ['src/**/*.{vue,ts}'] } } },
      theme: { colors: ['primary', 'success', 'info', 'warning', 'error'] },
      ui: {
        colors: { primary: 'ink', neutral: 'stone', success: 'green', info: 'blue', warning: 'amber', error: 'red' },
      },
    }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: { outDir: 'dist', target: 'es2022' },
  server: {
    proxy: {
      '/api': backend,
      '/v1': backend,
      '/admin': backend,
      '/generate': backend,
      '/ws': { target: backend, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
  },
}))
