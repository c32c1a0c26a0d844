import { expect, it } from 'vitest'
import { lastSentenceEnd } from './sentences'

it('cuts after whole sentences in both languages', () => {
  const text = 'It is 3.5 days. Ask'
  expect(text.slice(0, lastSentenceEnd(text, 0))).toBe('It is 3.5 days.')
  const chinese = '年假为五天。请向'
  expect(chinese.slice(0, lastSentenceEnd(chinese, 0))).toBe('年假为五天。')
})

it('moves on only when another sentence is complete', () => {
  expect(lastSentenceEnd('One. Two', 4)).toBe(4)
  expect(lastSentenceEnd('One. Two. ', 4)).toBe(9)
})
