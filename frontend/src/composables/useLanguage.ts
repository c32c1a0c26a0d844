import { computed } from 'vue'
import type { Language } from '@/api/types'
import { applyLanguage, i18n, languageOf, rememberLanguage } from '@/i18n'
import { useSocket } from '@/realtime/socket'
import { useSessionStore } from '@/stores/session'

/** The language that is on, and the switch to the other one (remembered, and kept in the profile). */
export function useLanguage() {
  const session = useSessionStore()
  const language = computed<Language>(() => languageOf(i18n.global.locale.value))
  /** Each language is offered by its own name. */
  const otherName = computed(() => (language.value === 'en' ? '中文' : 'English'))

  async function toggle(): Promise<void> {
    const other: Language = language.value === 'en' ? 'zh-hans' : 'en'
    applyLanguage(other)
    rememberLanguage(other)
    await session.updateProfile({ language: other })
    useSocket().restart()
  }

  return { language, otherName, toggle }
}
