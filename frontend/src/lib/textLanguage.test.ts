import { expect, it } from 'vitest'
import { textLanguage } from './textLanguage'

it.each([
  ['我是 ABC 助手，可以回答 VPN 的问题。', 'zh-CN'],
  ['I answer questions about ABC中台.', 'en'],
  ['年假？', 'zh-CN'],
  ['', 'en'],
])('%s', (text, language) => {
  expect(textLanguage(text)).toBe(language)
})
