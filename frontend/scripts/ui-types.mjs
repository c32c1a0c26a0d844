/** Writes the theme types of Nuxt UI (node_modules/.nuxt-ui), which vue-tsc needs on a fresh clone. */
import { resolveConfig } from 'vite'

await resolveConfig({ logLevel: 'warn' }, 'build')
