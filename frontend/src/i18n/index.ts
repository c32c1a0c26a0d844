/** The languages of the pages: which one is on, and how it is changed. */

import { en as uiEnglish, zh_cn as uiChinese } from '@nuxt/ui/locale'
import { createI18n } from 'vue-i18n'
import { readCookie, setAcceptLanguage } from '@/api/client'
import type { Language } from '@/api/types'
import en from './en'
import zh from './zh'

export type Locale = 'en' | 'zh-CN'

/** Where Django looks too, so that pages of both sides speak the same language. */
const COOKIE = 'django_language'

export const i18n = createI18n({
  legacy: false,
  locale: 'en' as Locale,
  fallbackLocale: 'en',
  messages: { en, 'zh-CN': zh },
})

export const UI_LOCALES = { en: uiEnglish, 'zh-CN': uiChinese }

export function localeOf(language: Language): Locale {
  return language === 'en' ? 'en' : 'zh-CN'
}

export function languageOf(locale: string): Language {
  return locale === 'en' ? 'en' : 'zh-hans'
}

/** The language to begin with: chosen here before, else of the profile, else as the browser asks. */
export function preferredLanguage(profile: Language | '' = ''): Language {
  const chosen = readCookie(COOKIE)
  if (chosen === 'en' || chosen === 'zh-hans') return chosen
  if (profile) return profile
  const wanted = navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? 'en'
  return wanted.toLowerCase().startsWith('zh') ? 'zh-hans' : 'en'
}

/** Speaks this language from now on, without remembering it. */
export function applyLanguage(language: Language): void {
  const locale = localeOf(language)
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
  setAcceptLanguage(language)
}

export function rememberLanguage(language: Language): void {
  document.cookie = `${COOKIE}=${language}; path=/; max-age=31536000; SameSite=Lax`
}

export function forgetLanguage(): void {
  document.cookie = `${COOKIE}=; path=/; max-age=0; SameSite=Lax`
}
