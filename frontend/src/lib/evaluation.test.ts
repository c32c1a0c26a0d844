import { expect, it } from 'vitest'
import type { Means } from '@/api/types'
import { headline, judged, scoreTables } from './evaluation'

const means = (own: Partial<Means>): Means => ({
  chrf: 0.5, rouge_l: 0.5, perplexity: 3, exact: 0, contains: 0, refusal: 0, repetition: 0, length: 9, cut_off: 0, count: 4, ...own,
})

it('knows which way each number is better', () => {
  expect(judged('chrf', 0.5, 0.6)).toBe('better')
  expect(judged('perplexity', 5, 4)).toBe('better')
  expect(judged('refusal', 0, 0.5)).toBe('worse')
  expect(judged('length', 10, 90)).toBe('same')
  expect(judged('chrf', 0.5, 0.501)).toBe('same')
})

it('takes a perplexity without a number for the worst', () => {
  expect(judged('perplexity', 5, null)).toBe('worse')
  expect(judged('perplexity', null, 5)).toBe('better')
  expect(judged('perplexity', null, null)).toBe('same')
})

it('speaks of the golden questions first', () => {
  const validation = { better: 1, worse: 0, same: 0 }
  expect(headline({ validation, golden: { better: 31, worse: 2, same: 7 } })).toEqual({ kind: 'golden', better: 31, worse: 2, total: 40 })
  expect(headline({ validation })?.kind).toBe('validation')
  expect(headline({})).toBeNull()
})

it('makes a table for each kind and shows only models that were asked', () => {
  const tables = scoreTables({
    reference: 'base',
    scores: { candidate: { golden: means({ chrf: 0.9 }), probe: means({}) }, base: { golden: means({}), probe: means({}) } },
  })
  expect(tables.map((table) => [table.kind, table.count])).toEqual([['golden', 4], ['probe', 4]])
  expect(tables[0]?.models).toEqual(['base', 'candidate'])
  expect(tables[0]?.rows[0]).toEqual({ metric: 'chrf', values: { base: 0.5, candidate: 0.9 }, change: 'better' })
  expect(tables[1]?.rows.map((row) => row.metric)).not.toContain('perplexity')
  expect(scoreTables({ reference: 'base', scores: null })).toEqual([])
})
