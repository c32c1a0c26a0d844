import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import lucide from '@iconify-json/lucide/icons.json'
import { expect, it } from 'vitest'

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.(vue|ts)$/.test(entry.name) ? [readFileSync(path, 'utf8')] : []
  })
}

it('every icon is in the bundled collection, so none is asked of a foreign host', () => {
  const used = new Set(sources(import.meta.dirname).flatMap((text) => text.match(/i-lucide-[a-z0-9-]+/g) ?? []))
  const known = new Set([...Object.keys(lucide.icons), ...Object.keys(lucide.aliases)])
  expect(used.size).toBeGreaterThan(20)
  expect([...used].filter((name) => !known.has(name.replace('i-lucide-', '')))).toEqual([])
})
