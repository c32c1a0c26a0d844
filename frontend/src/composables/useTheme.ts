/** Light, dark, or like the system. `public/theme.js` reads the same key before the first paint. */

import { computed, readonly, ref, watchEffect } from 'vue'
import type { Theme } from '@/api/types'

const KEY = 'loredesk-theme'

const systemIsDark = ref(false)
const theme = ref<Theme>('system')
const isDark = computed(() => theme.value === 'dark' || (theme.value === 'system' && systemIsDark.value))

/** Starts to follow the system and the stored choice; called once, by `main.ts`. */
export function startTheme(): void {
  const query = window.matchMedia('(prefers-color-scheme: dark)')
  systemIsDark.value = query.matches
  query.addEventListener('change', (event) => (systemIsDark.value = event.matches))
  const stored = localStorage.getItem(KEY)
  if (stored === 'light' || stored === 'dark') theme.value = stored
  watchEffect(() => {
    document.documentElement.classList.toggle('dark', isDark.value)
    document.documentElement.classList.toggle('light', !isDark.value)
  })
}

export function applyTheme(chosen: Theme): void {
  theme.value = chosen
  if (chosen === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, chosen)
}

export function useTheme() {
  return { theme: readonly(theme), isDark }
}
