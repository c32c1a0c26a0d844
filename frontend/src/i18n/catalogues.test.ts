import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import en from './en'
import zh from './zh'

function flatten(tree: object, path = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    const full = path ? `${path}.${key}` : key
    if (typeof value === 'string') flat.set(full, value)
    else for (const [inner, text] of flatten(value as object, full)) flat.set(inner, text)
  }
  return flat
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'i18n' ? [] : sources(path)
    return /\.(vue|ts)$/.test(entry.name) && !entry.name.includes('.test.') ? [readFileSync(path, 'utf8')] : []
  })
}

const english = flatten(en)
const chinese = flatten(zh)
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe('the two catalogues', () => {
  it('have the same keys', () => {
    expect([...chinese.keys()]).toEqual([...english.keys()])
  })

  it('fill in the same values', () => {
    for (const [key, text] of english) expect([key, placeholders(chinese.get(key) ?? '')]).toEqual([key, placeholders(text)])
  })

  it('leave nothing empty or untranslated', () => {
    const shared = new Set(['app.name', 'common.none', 'assistants.historyBy', 'setting.lora_alpha.label', 'setting.lora_dropout.label', 'watch.setting'])
    for (const [key, text] of chinese) {
      expect(text.trim(), key).not.toBe('')
      if (!shared.has(key)) expect(text, key).toMatch(/[\u4e00-\u9fff]/)
    }
  })

  it('use no character that vue-i18n reads as syntax', () => {
    for (const catalogue of [english, chinese]) {
      for (const [key, text] of catalogue) expect(text.replace(/\{\w+\}/g, ''), key).not.toMatch(/[{}@|]/)
    }
  })

  it('know every key that the pages use, and no other', () => {
    const code = sources(join(import.meta.dirname, '..')).join('\n')
    const used = new Set([...code.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((match) => match[1] ?? ''))
    const prefixes = [...code.matchAll(/\bt\(\s*`([\w.]+\.)\$\{/g)].map((match) => match[1] ?? '')
    const quoted = new Set([...code.matchAll(/'([a-z]\w*(?:\.\w+)+)'/g)].map((match) => match[1] ?? ''))
    for (const key of used) expect(english.has(key), `unknown key ${key}`).toBe(true)
    const idle = [...english.keys()].filter(
      (key) => !used.has(key) && !quoted.has(key) && !prefixes.some((prefix) => key.startsWith(prefix)),
    )
    expect(idle).toEqual([])
  })
})
