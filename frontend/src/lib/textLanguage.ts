/** In which language a text is set, so that fonts, quotes and screen readers take it as such. */

const HAN = /[\u3400-\u9fff]/g
const LETTERS = /[a-z]+/gi

/** Chinese as soon as it holds more Chinese signs than English words. */
export function textLanguage(text: string): 'zh-CN' | 'en' {
  const start = text.slice(0, 2000)
  return (start.match(HAN)?.length ?? 0) > (start.match(LETTERS)?.length ?? 0) ? 'zh-CN' : 'en'
}
